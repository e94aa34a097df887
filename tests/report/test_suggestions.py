"""Suggestions of the session's language model: asked once, labelled, saved, and never blocking."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from engine.agents.base import AgentSpending
from engine.agents.llm.answer import ThinkSplitter
from engine.agents.llm.library import litellm
from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, StopMode, Verdict
from engine.report import automatic, suggest
from engine.report.automatic import Reports
from engine.report.markdown import markdown
from engine.report.model import Suggested
from engine.report.page import page
from engine.report.question import figures_of, steps_in
from engine.report.sources import load_session
from engine.report.suggest import ask_model, model_of
from tests.loop_clock import loop_clock
from tests.model_server import Answer, ModelServer, Refusal
from tests.report.nights import HOSTILE, Night, table_facts
from tests.warm import run_warm
from tests.world import DEADLINE_SECONDS, eventually

# One loop for the module, as in the engine: LiteLLM keeps its connections, which belong to a loop.
pytestmark = [
    pytest.mark.xdist_group("litellm"),
    pytest.mark.asyncio(loop_scope="module"),
    # LiteLLM's own way with pydantic.
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
]
MODEL = "openai/test-model"
STEPS = """\
Here is what I would do:

1. **Confirm #2**: its gain is small.
   - twice would do
2. Try a longer warm-up, as #4 came near.
3. Stop touching the optimizer; #3 and #5 crashed.

Good luck!
"""
HEADING = "## Suggestions by a language model"


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def _close_clients() -> AsyncIterator[None]:
    yield
    await litellm().close_litellm_async_clients()
    gc.collect()


def night(workspace: Path, address: str, *, count: int = 6, **config: object) -> Night:
    made = Night(
        workspace,
        agent="llm",
        model=MODEL,
        api_base=address,
        dollars_per_million=(1.0, 10.0),
        **config,
    )
    for number in range(1, count + 1):
        verdict = Verdict.KEEP if number < 3 else Verdict.DISCARD
        made.experiment(1 - number / 100, verdict, f"idea {number}", gain=0.01)
    return made


async def end(made: Night, *before: ev.Event) -> str:
    """End a session while an engine's reports are attached, and return the summary."""
    reports = Reports(made.layout)
    reports.attach(made.journal)
    made.say(*before, ev.SessionEnded(reason="enough"))
    await reports.close()
    return (made.layout.session / "autoresearch-summary.md").read_text()


async def test_the_final_summary_has_suggestions_and_their_cost(tmp_path: Path) -> None:
    with ModelServer([Answer(text=f"<think>1. No.</think>{STEPS}", reasoning="1. Hm.")]) as server:
        made = night(tmp_path, server.openai)
        summary = await end(made)
        again = load_session(tmp_path, "night").facts
        assert len(server.requests) == 1
    part = summary.split(HEADING)[1].split("\n## ")[0]
    assert "openai/test-model" in part and "neither measured nor checked" in part
    assert "1. Confirm \\#2: its gain is small. - twice would do" in part
    assert "3. Stop touching" in part and "No." not in part and "luck" not in part
    assert "$0.003" in part  # 1,000 tokens at $1 and 200 at $10 a million
    assert summary.index("## Next steps") < summary.index(HEADING)
    assert "without a language model" not in summary
    (call,) = [e for e in made.events() if isinstance(e, ev.CostIncurred)]
    assert call.dollars == pytest.approx(0.003) and call.prompt_tokens == 1000
    assert call.experiment == 0  # the cost belongs to the session as a whole
    assert "| spent | \\$0.003 |" in summary
    # Later it is shown again, without a word to the model.
    assert again.suggested is not None and len(again.suggested.steps) == 3
    prompt = server.requests[0].prompt
    assert "#4 discard 0.96: idea 4" in prompt and str(tmp_path) not in prompt


async def test_suggestions_can_be_turned_off(tmp_path: Path) -> None:
    with ModelServer([Answer(text=STEPS)]) as server:
        summary = await end(night(tmp_path, server.openai, suggest=False))
        assert not server.requests and HEADING not in summary


async def test_new_figures_make_suggestions_and_summary_outdated(tmp_path: Path) -> None:
    with ModelServer([Answer(text=STEPS)]) as server:
        made = night(tmp_path, server.openai)
        await end(made)
        reports = Reports(made.layout)
        reports.attach(made.journal)
        made.say(ev.EngineStarted(pid=2, version="0"))
        summary = made.layout.session / "autoresearch-summary.md"
        assert not summary.read_text().startswith("> **Outdated.**")
        made.experiment(0.9, Verdict.DISCARD, "one more", gain=0.0)
        made.experiment(0.9, Verdict.DISCARD, "and another", gain=0.0)
        await reports.close()
        assert len(server.requests) == 1
    assert summary.read_text().count("> **Outdated.**") == 1
    told = load_session(tmp_path, "night").facts
    text = markdown(told)
    assert "made suggestions after 6 experiments; this report is 2 experiments later" in text
    assert "Confirm" not in text and "without a language model" in text


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (Answer(text="As a model I like what I see."), "answered without a list of steps"),
        (Refusal(status=401, message="bad key", kind="invalid_api_key"), "refuses the key"),
        (Refusal(status=500), "something broke"),
    ],
)
async def test_a_failure_is_reported_in_a_sentence(
    tmp_path: Path, behaviour: Answer | Refusal, says: str
) -> None:
    with ModelServer([behaviour]) as server:
        summary = await end(night(tmp_path, server.openai))
        assert len(server.requests) == 1
    part = summary.split(HEADING)[1].split("\n## ")[0].strip()
    assert says in part and "\n" not in part
    assert "without a language model" in summary


@pytest.mark.parametrize(
    ("limit", "slow", "says", "calls"),
    [
        ("_ANSWER_SECONDS", Answer(text=STEPS, hang_after=2), "more than 1000 s", 1),
        ("_ANSWER_SECONDS", Answer(text=STEPS * 99, gap_seconds=0.05), "more than 1000 s", 1),
        ("SECONDS", Answer(text=STEPS, hang_after=0), "did not answer within 1000 s", 0),
    ],
)
async def test_a_slow_model_does_not_keep_the_engine(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    slow: Answer,
    says: str,
    calls: int,
) -> None:
    read: list[str] = []

    class Splitter(ThinkSplitter):
        def feed(self, text: str) -> list[tuple[str, str]]:
            read.append(text)
            return super().feed(text)

    monkeypatch.setattr(suggest, "ThinkSplitter", Splitter)
    monkeypatch.setattr(automatic, "_CLOSE_SECONDS", 10_000.0)
    for name in ("_ANSWER_SECONDS", "SECONDS"):
        monkeypatch.setattr(suggest, name, 1_000.0 if name == limit else 10_000.0)
    with ModelServer([slow]) as server, loop_clock() as clock:
        made = night(tmp_path, server.openai, idle_seconds=10_000.0, answer_seconds=10_000.0)
        ending = asyncio.create_task(end(made))
        if slow.hang_after == 0:
            await eventually(server.hanging.is_set, "the silence")
        else:
            await eventually(lambda: read, "the beginning of the answer")
        clock.advance(1_001)
        summary = await ending
    assert says in summary.split(HEADING)[1].split("\n## ")[0]
    # What it said before is paid for.
    assert made.journal.session.spending.calls == calls


async def test_stop_now_does_not_wait_for_a_model(tmp_path: Path) -> None:
    with ModelServer([Answer(text=STEPS, hang_after=0)]) as server:
        made = night(tmp_path / "a", server.openai)
        summary = await end(made, ev.StopRequested(by=Actor.SCREEN, mode=StopMode.NOW))
        assert HEADING not in summary and not server.requests
        made = night(tmp_path / "b", server.openai)
        reports = Reports(made.layout)
        reports.attach(made.journal)
        made.say(ev.SessionEnded(reason="enough"))
        await eventually(server.hanging.is_set, "the silence")
        reports.hurry()  # as the engine does when it is told to stop now, or another is started
        await asyncio.wait_for(reports.close(), DEADLINE_SECONDS)
        assert (made.layout.session / "autoresearch-summary.md").exists()


@pytest.mark.parametrize(
    "caps",
    [{"max_dollars": 0.01}, {"max_tokens": 3000}, {"max_dollars": 0.0}, {"count": 4}],
)
async def test_the_model_is_not_asked_at_a_cap_or_without_results(
    tmp_path: Path, caps: dict[str, int]
) -> None:
    with ModelServer([Answer(text=STEPS)]) as server:
        summary = await end(night(tmp_path, server.openai, **caps))
        assert not server.requests
    assert ("The cap of" in summary) == ("count" not in caps)


async def test_without_a_key_there_is_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    config = ResearchConfig(agent="mix", model="anthropic/claude-sonnet-4-5")
    asked = await ask_model(
        table_facts("a\t1.0\t1\tkeep\tx"), config, AgentSpending(), tmp_path, {}
    )
    assert not asked.suggested.steps and not asked.calls
    assert "There is no key for anthropic/claude-sonnet-4-5." in asked.suggested.error


async def test_a_key_in_a_description_is_not_sent(tmp_path: Path) -> None:
    key = "sk-very-secret-0123456789"
    made = night(tmp_path, "")
    made.experiment(1.0, Verdict.DISCARD, f"print {key}")
    with ModelServer([Answer(text=f"1. Print {key}.")]) as server:
        config = ResearchConfig(agent="llm", model=MODEL, api_base=server.openai)
        environ = {"OPENAI_API_KEY": key}
        asked = await ask_model(made.facts(), config, AgentSpending(), tmp_path, environ)
    (step,) = asked.suggested.steps
    assert step.startswith("Print ") and key not in step
    assert key not in server.requests[0].prompt and "print ***" in server.requests[0].prompt
    assert key in server.requests[0].headers["authorization"]


@pytest.mark.parametrize(
    ("config", "model"),
    [
        ({"agent": "llm"}, MODEL),
        ({"agent": "mix"}, MODEL),
        ({"agent": "mix", "mix_with": "acp"}, ""),
        ({"agent": "search"}, ""),
    ],
)
async def test_the_model_of_a_config(config: dict[str, str], model: str) -> None:
    assert model_of(ResearchConfig(model=MODEL, **config)) == model  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "steps"),
    [
        ("1. a b\n2) c\n(3) d", ("a b", "c", "d")),
        ("- a\n* b\n• c", ("a", "b", "c")),
        ("Step 1: a\nstep 2. b", ("a", "b")),
        ("**1.** `a` goes\non\n\nand ends", ("a goes on",)),
        ("1. a\n## Why\nbecause", ("a",)),
        ("\n".join(f"{n}. s{n}" for n in range(1, 9)), ("s1", "s2", "s3", "s4", "s5")),
        ("1. \x1b[31mred\u202e\x00", ("red",)),
        ("", ()),
        ("0.97 is fine", ()),
        ("1.5 is fine\n2.5 too", ()),
    ],
)
async def test_the_steps_of_an_answer(answer: str, steps: tuple[str, ...]) -> None:
    assert steps_in(answer) == steps


async def test_a_long_step_is_shortened() -> None:
    (step,) = steps_in(f"1. {'a' * 9000}")
    assert len(step) == 400


async def test_hostile_suggestions_are_shown_literally(tmp_path: Path) -> None:
    made = night(tmp_path, "")
    facts = made.facts()
    for words in HOSTILE:
        made.experiment(1.0, Verdict.DISCARD, words)
    assert len(figures_of(made.facts())) < 20_000
    suggested = Suggested(
        model="<b>m</b>", at=made.now, settled=6, steps=steps_in("1. <script>x</script> [a](b)")
    )
    facts = msgspec.structs.replace(facts, suggested=suggested)
    assert "\\<script\\>x" in markdown(facts) and "\\[a\\](b)" in markdown(facts)
    html = page(facts, {})
    assert "&lt;script&gt;x" in html and "<b>m" not in html


async def test_the_verb_asks_on_request_and_once(tmp_path: Path) -> None:
    with ModelServer([Answer(text=STEPS)]) as server:
        night(tmp_path, server.openai)
        words = ("report", "-C", tmp_path, "--format", "md", "--json")
        environ = {name: "" for name in os.environ if name.endswith("_API_KEY")}

        def report(*more: str) -> tuple[dict[str, object] | None, str]:
            done = run_warm(*words, *more, env=environ)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)["suggested"], done.stderr

        assert report() == (None, "")
        assert not server.requests
        told, said = report("--suggest")
        assert told is not None and told["steps"] and told["dollars"] == pytest.approx(0.003)
        assert said == "Asking openai/test-model for next steps …\n"
        shown, _ = report()
        _, again = report("--suggest")
        assert shown == told and "shown again" in again
        assert report("--no-suggest")[0] is None
        assert len(server.requests) == 1
