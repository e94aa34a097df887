"""The environment of a training run: what it gets of the engine's, and what it does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.core.config import ResearchConfig
from engine.core.secrets import is_harmless
from engine.executors.environment import run_environment, withheld_names


def test_secrets_do_not_reach_the_run() -> None:
    environ = {
        "OPENAI_API_KEY": "sk-1",
        "HF_TOKEN": "hf",
        "AWS_PROFILE": "x",
        "MY_PASSWORD": "p",
        "GIT_DIR": "/x",
        "PATH": "/bin",
        "TOKENIZERS_PARALLELISM": "false",
    }
    seen = run_environment(ResearchConfig(budget_seconds=15), environ)
    assert seen == {
        "PATH": "/bin",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        "AUTORESEARCH_TIME_BUDGET": "15",
    }
    names = ("AWS_PROFILE", "GIT_DIR", "HF_TOKEN", "MY_PASSWORD", "OPENAI_API_KEY")
    assert withheld_names(environ, ()) == names
    allowed = run_environment(ResearchConfig(pass_env=("HF_TOKEN",)), environ)
    assert allowed["HF_TOKEN"] == "hf"


@given(st.dictionaries(st.text(), st.text()), st.lists(st.text()))
def test_a_run_gets_harmless_variables_and_those_the_user_passes(
    environ: dict[str, str], passed: list[str]
) -> None:
    config = ResearchConfig(pass_env=tuple(passed))
    seen = run_environment(config, environ)
    del seen["PYTHONUNBUFFERED"]
    assert seen == {n: v for n, v in environ.items() if n in passed or is_harmless(n, v)}
    assert set(withheld_names(environ, passed)) == environ.keys() - seen.keys()
