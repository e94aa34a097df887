"""The agent acp against real processes that implement the protocol, correctly or not."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.agents.acp.agent import make
from engine.agents.acp.cli_session import QUIET_TIMES
from engine.agents.base import (
    AgentItem,
    Attempt,
    Briefing,
    Draft,
    Failure,
    Pending,
    PromptPreview,
    PromptSent,
    Thought,
    Usage,
)
from engine.core.config import ResearchConfig
from engine.core.enums import Verdict
from engine.core.errors import (
    AgentError,
    BadKeyError,
    CliMissingError,
    ContextTooLongError,
    OverloadedError,
    RateLimitedError,
    UnusableAnswerError,
)
from engine.core.patches.language import source_key
from tests.loop_clock import loop_clock
from tests.world import eventually, git, make_repository, wait_for

ROOT = Path(__file__).parents[2]
SOURCE = "# less\nRATE = 0.04\nprint(RATE)\n"
EDITED = SOURCE.replace("0.04", "0.05")
KEY = "sk-very-secret-0123456789"


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    """Return a scratch worktree of a workspace with a key in its `.env`."""
    work = make_repository(tmp_path / "work", {"train.py": SOURCE, "prepare.py": "DATA = 1\n"})
    (work / ".env").write_text(f"MISTRAL_API_KEY={KEY}\n")
    git(work, "worktree", "add", "--quiet", "--detach", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


def command(scenario: str) -> str:
    """Return the command line of the scripted agent."""
    start = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.acp_agent import main; main()"
    )
    return shlex.join([sys.executable, "-c", start, "--scenario", scenario])


def brief(worktree: Path, cli: str, **more: Any) -> Briefing:
    """Return a briefing for a worktree."""
    limits = {k: more.pop(k) for k in ("idle_seconds", "answer_seconds") if k in more}
    config = ResearchConfig(agent="acp", cli=cli, **limits)
    fields: dict[str, Any] = {
        "number": 2,
        "source": SOURCE,
        "base": "b" * 40,
        "program": "Lower the loss.",
        "config": config,
        "platform": None,
        "history": (),
        "worktree": worktree,
    }
    return Briefing(**(fields | more))


def start(briefing: Briefing) -> AsyncIterator[AgentItem]:
    """Start a proposal, and return its stream."""
    assert briefing.worktree is not None
    return make(briefing.config, briefing.worktree.parent / "work").propose(briefing)


class Proposal:
    """Everything one proposal yielded, or its error."""

    def __init__(self) -> None:
        self.text = ""
        self.told = ""
        self.usage: list[Usage] = []
        self.draft: Draft | None = None
        self.error: AgentError | None = None


async def propose(
    worktree: Path,
    scenario: str,
    *,
    thoughts: list[str] | None = None,
    **more: Any,
) -> Proposal:
    """Return a proposal of the scripted agent, once none of its processes is left."""
    found = Proposal()
    try:
        async for item in start(brief(worktree, command(scenario), **more)):
            if isinstance(item, Thought):
                found.text += item.text
                if thoughts is not None:
                    thoughts.append(item.text)
            elif isinstance(item, Usage):
                found.usage.append(item)
            elif isinstance(item, PromptSent):
                found.told = item.text
            elif isinstance(item, Draft):
                found.draft = item
    except AgentError as error:
        found.error = error
    wait_for(lambda: not left_running(worktree), "the end of every process in the worktree")
    return found


def left_running(worktree: Path) -> list[int]:
    """Return the processes that run in the worktree."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(worktree):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


async def test_thoughts_reads_and_edits_of_an_agent_are_yielded(worktree: Path) -> None:
    found = await propose(worktree, "good")
    assert found.error is None
    assert found.draft == Draft(
        source=EDITED,
        hypothesis="A higher rate converges sooner.",
        rationale="It was low.",
        expected="a small gain",
        category="optimizer",
    )
    assert "Which rate is right?" in found.text
    assert "[x] read\n" in found.text and "[>] edit\n" in found.text
    assert "▸ read: Read train.py\n" in found.text
    briefing = brief(worktree, command("good"))
    agent = make(briefing.config, worktree)
    assert isinstance(agent, PromptPreview)
    assert found.told == await agent.preview(briefing)
    assert "Lower the loss." in found.told
    assert "-RATE = 0.04\n+RATE = 0.05\n" in found.text
    assert "chosen=once" in found.text and "line='RATE = 0.04\\n'" in found.text
    assert found.usage == [
        Usage(
            model=found.usage[0].model,
            prompt_tokens=1400,
            cached_tokens=400,
            completion_tokens=300,
            reasoning_tokens=50,
            dollars=0.25,
        )
    ]


async def test_the_file_is_the_draft_and_an_edit_without_a_message_is_described(
    worktree: Path,
) -> None:
    found = await propose(worktree, "on_disk")
    assert found.draft is not None
    assert found.draft.source == EDITED
    assert found.draft.hypothesis == "RATE = 0.05 instead of RATE = 0.04"


async def test_commands_network_and_deleting_are_refused(worktree: Path) -> None:
    found = await propose(worktree, "shell")
    assert found.draft is not None
    assert found.text.count("no\n") >= 5
    assert "[Refused: rm -rf / (commands are not run here).]" in found.text
    assert "[Refused: running id -u (commands are not run here).]" in found.text
    assert "terminal: done" not in found.text


async def test_an_edit_of_another_file_is_refused_and_left_out(worktree: Path) -> None:
    found = await propose(worktree, "other_file")
    assert found.draft is not None and found.draft.source == EDITED
    assert "[Refused: Edit two (only train.py may be changed" in found.text
    assert "write: Invalid params" in found.text
    assert "Not taken, as only train.py counts: prepare.py, new.txt" in found.text
    assert (worktree.parent / "work" / "prepare.py").read_text() == "DATA = 1\n"


async def test_paths_that_lead_elsewhere_are_refused(worktree: Path) -> None:
    (worktree.parent / "secret.txt").write_text("hidden")
    found = await propose(worktree, "escapes")
    assert found.draft is not None
    assert "done" not in found.text.replace("\n", " ").split("HYPOTHESIS")[0]
    assert found.text.count("lies outside the worktree") >= 5
    assert (worktree.parent / "secret.txt").read_text() == "hidden"


async def test_a_file_that_became_a_link_is_not_followed(worktree: Path) -> None:
    found = await propose(worktree, "becomes_link")
    assert found.draft is None
    assert isinstance(found.error, UnusableAnswerError)
    assert "replaced by a link" in str(found.error)


async def test_an_agent_that_does_not_edit_is_asked_once_more(worktree: Path) -> None:
    found = await propose(worktree, "lazy")
    assert isinstance(found.error, UnusableAnswerError)
    assert found.text.count("train.py is unchanged") == 2


async def test_invalid_python_is_asked_for_again_with_the_reason(worktree: Path) -> None:
    found = await propose(worktree, "wrong_then_right")
    assert found.draft is not None and found.draft.source == EDITED
    assert "not valid Python" in found.text


async def test_an_edit_of_comments_only_is_refused(worktree: Path) -> None:
    found = await propose(worktree, "comment_only")
    assert isinstance(found.error, UnusableAnswerError)
    assert found.text.count("changes nothing but white space or comments") == 3


@pytest.mark.parametrize("where", ["history", "pending"])
async def test_what_was_tried_from_the_same_start_is_refused(worktree: Path, where: str) -> None:
    common: dict[str, Any] = {
        "number": 7,
        "base": "b" * 40,
        "hypothesis": "h",
        "category": "optimizer",
        "patch_id": "",
        "source_key": source_key(EDITED),
    }
    done = Attempt(
        **common, commit="c", verdict=Verdict.DISCARD, outcome=None, metric=2.0, gain=None
    )
    tried: Any = (done if where == "history" else Pending(**common),)
    found = await propose(worktree, "on_disk", **{where: tried})
    assert isinstance(found.error, UnusableAnswerError)
    assert "Experiment 7" in str(found.error)


async def test_a_repair_starts_from_the_file_that_crashed(worktree: Path) -> None:
    crashed = SOURCE + "print(1 / 0)\n"
    failure = Failure(hypothesis="The old one.", source=crashed, detail="ZeroDivisionError")
    found = await propose(worktree, "on_disk", failure=failure)
    assert found.draft is not None
    assert found.draft.source == crashed.replace("0.04", "0.05")
    assert found.draft.hypothesis == "The old one."


async def test_a_crash_in_the_middle_is_told_with_its_stderr_end(worktree: Path) -> None:
    found = await propose(worktree, "crash")
    assert type(found.error) is OverloadedError
    assert "exit status 134" in found.error.what
    assert "FATAL heap out of memory ***" in found.error.why
    assert KEY not in str(found.error)


async def test_a_command_that_writes_no_messages_is_an_error(worktree: Path) -> None:
    found = await propose(worktree, "garbage")
    assert isinstance(found.error, CliMissingError)
    assert "not of the protocol" in found.error.why


async def test_a_command_that_ends_at_once_is_an_error(worktree: Path) -> None:
    found = await propose(worktree, "dies_at_start")
    assert isinstance(found.error, CliMissingError)
    assert "node:sea" in found.error.why


@pytest.mark.parametrize("limit", ["idle_seconds", "answer_seconds"])
async def test_silence_is_limited(worktree: Path, limit: str) -> None:
    seconds = {"idle_seconds": 10_000.0, "answer_seconds": 10_000.0, limit: 1_000.0}
    thoughts: list[str] = []
    with loop_clock() as clock:
        call = asyncio.create_task(propose(worktree, "hang", thoughts=thoughts, **seconds))
        await eventually(lambda: "thinking" in "".join(thoughts), "the last sign of the agent")
        clock.advance(1_000 * QUIET_TIMES + 1)
        found = await call
    assert type(found.error) is OverloadedError
    assert limit in found.error.todo


async def test_cancelling_ends_every_process(worktree: Path) -> None:
    up = asyncio.Event()

    async def run() -> None:
        async for item in start(brief(worktree, command("stubborn_child"))):
            if isinstance(item, Thought) and "child is up" in item.text:
                up.set()

    task = asyncio.create_task(run())
    await up.wait()
    child = int((worktree / "child.pid").read_text())
    assert psutil.pid_exists(child) and len(left_running(worktree)) >= 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    wait_for(lambda: not left_running(worktree), "the end of every process in the worktree")


async def test_processes_left_by_a_killed_engine_are_killed_before_the_next_start(
    worktree: Path,
) -> None:
    environment = {**os.environ, "AUTORESEARCH_CLI_IN": str(worktree)}
    left = await asyncio.create_subprocess_exec("sleep", "600", env=environment)
    await propose(worktree, "on_disk")
    assert await left.wait() == -9


async def test_two_megabytes_in_one_message(worktree: Path) -> None:
    found = await propose(worktree, "huge")
    assert found.draft is not None
    assert found.draft.hypothesis == "A higher rate converges sooner."
    assert len(found.text) < 1_000_000


async def test_terminal_escapes_do_not_get_through(worktree: Path) -> None:
    found = await propose(worktree, "terminal_escapes")
    assert found.draft is not None and found.draft.hypothesis == "blink"
    assert not {"\x1b", "\x9b", "\x00", "\x07", "\u202e"} & set(found.text)
    assert "▸ read: Read train.py fake line\n" in found.text


async def test_secrets_are_redacted_and_refused_in_the_file(worktree: Path) -> None:
    found = await propose(worktree, "secret")
    assert found.draft is not None and found.draft.source == EDITED
    assert "my key is ***" in found.text and "contains a secret" in found.text
    assert KEY not in found.text and KEY not in repr(found.draft)


async def test_errors_of_the_provider_have_their_classes(worktree: Path) -> None:
    limited = await propose(worktree, "limited")
    assert isinstance(limited.error, RateLimitedError) and limited.error.seconds == 42
    long = await propose(worktree, "error_as_message")
    assert isinstance(long.error, ContextTooLongError)
    out = await propose(worktree, "logged_out")
    assert isinstance(out.error, BadKeyError)


async def test_a_missing_command_is_told_with_the_way_to_install_it(
    worktree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CliMissingError, match="npm install -g @openai/codex"):
        await anext(start(brief(worktree, "codex")))
    with pytest.raises(CliMissingError, match="my-agent"):
        await anext(start(brief(worktree, "my-agent --acp")))


def test_a_cli_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(CliMissingError, match="--cli"):
        make(ResearchConfig(agent="acp"), tmp_path)
