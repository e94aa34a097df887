"""Claude Code's headless mode, as a stand-in speaks it; and which CLIs are found on a machine."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from engine.agents.acp.agent import make
from engine.agents.acp.clis import KNOWN, cli_environment, find, known, session_meta, survey
from engine.agents.base import AgentItem, Briefing, Draft, Thought, Usage
from engine.core.config import ResearchConfig
from engine.core.errors import AgentError, BadKeyError, OverloadedError, RateLimitedError
from tests.world import make_repository

SOURCE = "RATE = 0.04\nprint(RATE)\n"
FAKE = Path(__file__).parent / "fake_claude.py"


def install(folder: Path, name: str, text: str) -> Path:
    """A command."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def worktree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, on a machine where `claude` is installed without an adapter."""
    folder = install(tmp_path / "bin", "claude", f'#!/bin/sh\nexec {sys.executable} {FAKE} "$@"\n')
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return make_repository(tmp_path / "scratch", {"train.py": SOURCE})


async def propose(worktree: Path, **more: str) -> list[AgentItem]:
    """All that comes of one proposal."""
    config = ResearchConfig(agent="acp", cli="claude", **more)  # type: ignore[arg-type]
    briefing = Briefing(
        number=2,
        source=SOURCE,
        base="b" * 40,
        program="Lower the loss.",
        config=config,
        platform=None,
        history=(),
        worktree=worktree,
    )
    agent = make(config, worktree)
    return [item async for item in agent.propose(briefing)]


async def fail(worktree: Path) -> AgentError:
    """Why a proposal failed."""
    with pytest.raises(AgentError) as caught:
        await propose(worktree)
    return caught.value


async def test_it_edits_is_asked_again_and_reports_its_cost(
    worktree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_CLAUDE", "good")
    items = await propose(worktree, model="anthropic/claude-test")
    text = "".join(item.text for item in items if isinstance(item, Thought))
    assert text.count("Which rate is right?") == 1
    assert "[Refused: no leave to edit x.py]" in text
    assert "▸ Edit train.py\n" in text and "-= = 0.05\n+= 0.05\n" in text
    used = Usage(
        model="claude-test",
        prompt_tokens=1100,
        cached_tokens=400,
        completion_tokens=200,
        dollars=0.25,
    )
    assert [item for item in items if isinstance(item, Usage)] == [used, used]
    draft = items[-1]
    assert isinstance(draft, Draft)
    assert draft.source == SOURCE.replace("0.04", "0.05")
    assert draft.hypothesis == "A higher rate converges sooner."


async def test_it_may_edit_one_file_and_gets_only_the_log_in_settings(
    worktree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FAKE_CLAUDE", "good")
    home = tmp_path / "claude"
    home.mkdir()
    told = {"permissions": {"allow": ["Bash(*)"]}, "apiKeyHelper": "get-key", "env": {"A": "1"}}
    (home / "settings.json").write_text(json.dumps(told))
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(home))
    await propose(worktree, model="anthropic/claude-test")
    words = json.loads((worktree.parent / "arguments.json").read_text())
    assert words[words.index("--allowedTools") + 1] == f"Edit(/{worktree}/train.py)"
    assert words[words.index("--tools") + 1] == "Read,Edit,Grep,Glob"
    assert words[words.index("--setting-sources") + 1] == ""
    assert json.loads(words[words.index("--settings") + 1]) == {"apiKeyHelper": "get-key"}
    assert words[words.index("--model") + 1] == "claude-test"
    given = cli_environment(known("claude"), {"CLAUDE_CONFIG_DIR": str(home), "CLAUDECODE": "1"})
    options = session_meta(known("claude"), {"CLAUDE_CONFIG_DIR": str(home)})["claudeCode"][
        "options"
    ]
    assert options["settings"] == {"apiKeyHelper": "get-key"} and options["settingSources"] == []
    assert given["A"] == "1" and "CLAUDECODE" not in given


async def test_its_errors_have_their_classes(
    worktree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_CLAUDE", "logged_out")
    error = await fail(worktree)
    assert isinstance(error, BadKeyError) and "/login" in error.todo
    monkeypatch.setenv("FAKE_CLAUDE", "limited")
    monkeypatch.setenv("FAKE_RESET", str(int(time.time()) + 1000))
    error = await fail(worktree)
    assert isinstance(error, RateLimitedError)
    assert error.seconds is not None and 900 < error.seconds <= 1000
    monkeypatch.setenv("FAKE_CLAUDE", "crash")
    error = await fail(worktree)
    assert type(error) is OverloadedError
    assert "exit status 1" in error.what and "out of memory" in error.why


def test_an_adapter_comes_before_the_headless_mode(worktree: Path, tmp_path: Path) -> None:
    assert find("claude").headless
    install(tmp_path / "bin", "claude-agent-acp", "#!/bin/sh\n")
    found = find("claude")
    assert not found.headless and found.argv[0].endswith("/claude-agent-acp")


def test_the_survey_names_versions_and_the_next_step(
    worktree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in {key for cli in KNOWN for key in cli.keys}:
        monkeypatch.delenv(key, raising=False)
    folder = install(tmp_path / "bin", "claude", "#!/bin/sh\necho 2.1.197\n")
    install(folder, "codex-acp", "#!/bin/sh\nexit 1\n")
    home = tmp_path / "home"
    (home / ".claude").mkdir(parents=True)
    (home / ".claude" / ".credentials.json").write_text("{}")
    found = {cli.name: cli for cli in survey({"HOME": str(home)})}
    assert found["claude"].ok and found["claude"].value == "2.1.197 (through its headless mode)"
    assert found["codex"].ok is None and "no log-in seen" in found["codex"].value
    assert "codex login" in found["codex"].todo
    assert found["gemini"].value == "not found"
    assert "npm install -g @google/gemini-cli" in found["gemini"].todo
