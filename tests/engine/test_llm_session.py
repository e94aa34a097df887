"""Sessions with a language model: the engine's side of each thing a provider can do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.client.request import send_command
from engine.client.sessions import details, engine_pid
from engine.core.enums import StopMode, Verdict
from engine.core.events import AgentWaited, AlarmRaised, CostIncurred, ProposalRevised
from engine.core.layout import Layout
from engine.core.session import Session
from engine.protocol import commands
from engine.store.prompts import read_prompt
from tests.journals import read_journal, read_session
from tests.model_server import Answer, Behaviour, ModelServer, Refusal, Request, knob_edit
from tests.warm import run_warm
from tests.world import git, make_repository, wait_for

HANGING = Answer(text="Well, let me see what there is.", hang_after=1)
pytestmark = pytest.mark.usefixtures("engines")
KEY = "sk-do-not-write-me-down-42"


def session_of(workspace: Path) -> Session:
    return read_session(workspace)


def run(
    workspace: Path, script: list[Behaviour], *flags: str, verb: str = "run", code: int = 0
) -> ModelServer:
    """A session against a model server with that script; returns the server, stopped for `run`."""
    server = ModelServer(script)
    server.__enter__()
    (workspace / ".env").write_text(f"OPENAI_API_KEY={KEY}\n")
    words: list[str | Path] = [
        verb,
        workspace,
        "--yes",
        "--model",
        "openai/test-model",
        "--api-base",
        server.openai,
    ]
    if verb == "run":
        words.append("--headless")
    done = run_warm(*words, "--budget", "0.05", *flags)
    assert done.returncode == code, done.stdout + done.stderr
    if verb == "run":
        server.__exit__(None, None, None)
    return server


def events(workspace: Path, kind: type) -> list[Any]:
    tag = session_of(workspace).config.tag
    return [e for e in read_journal(Layout(workspace, tag).journal) if isinstance(e, kind)]


def edit(search: str, replace: str, hypothesis: str = "It helps.") -> str:
    return (
        f"HYPOTHESIS: {hypothesis}\nCATEGORY: optimizer\nRATIONALE: because\nEXPECTED: a gain\n\n"
        f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"
    )


LR = "MATRIX_LR = 0.04  # learning rate of the matrices"


def test_a_model_proposes_is_paid_for_and_its_key_is_nowhere(repository: Path) -> None:
    better = edit(LR, LR.replace("0.04", "0.05"), "A larger step \x1b[31m[bold]learns[/] faster.")
    server = run(
        repository,
        [Answer(text=better, reasoning="Let me see."), knob_edit],
        "--max",
        "3",
        "--lookahead",
        "0",
    )
    session = session_of(repository)
    assert session.counts.total == 3
    second = session.experiment(2)
    assert second.verdict is Verdict.KEEP
    assert second.proposal.category == "optimizer"
    # So that a search, which reads no sentences, knows what the model has tried.
    assert second.proposal.knobs == {"MATRIX_LR": ("0.04", "0.05")}
    assert "larger step" in second.proposal.hypothesis
    assert "\x1b" not in second.proposal.hypothesis
    assert session.spending.calls == len(events(repository, CostIncurred)) == 2
    assert session.spending.tokens == 2400
    assert "Let me see." in details(repository, session.config.tag, 2).reasoning
    assert "MATRIX_LR" in server.requests[0].prompt
    assert KEY in server.requests[0].headers["authorization"]
    for path in repository.rglob("*"):
        if path.is_file() and path.name != ".env" and ".git" not in path.parts:
            assert KEY not in path.read_text("utf-8", "replace"), path


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (Refusal(status=401, message="bad key", kind="invalid_api_key"), ".env"),
        (Refusal(status=404, message="no such model", kind="model_not_found"), "--model"),
    ],
)
def test_what_only_a_person_can_mend_pauses_with_the_next_step(
    repository: Path, refusal: Refusal, says: str
) -> None:
    server = run(repository, [refusal], verb="start")
    session = wait_for(lambda: _if(session_of(repository), lambda s: s.pause), "the pause")
    server.__exit__(None, None, None)
    assert session.pause is not None
    assert says in session.pause.todo + session.pause.reason
    assert KEY not in session.pause.todo + session.pause.reason
    assert len(session.experiments) == 1


def _if(session: Session, question: Callable[[Session], Any]) -> Session | None:
    return session if question(session) else None


def test_a_rate_limit_is_waited_out(repository: Path) -> None:
    limited = Refusal(
        status=429, message="slow down", kind="rate_limit_exceeded", headers={"retry-after": "1"}
    )
    run(repository, [limited, knob_edit], "--max", "2")
    (waited,) = events(repository, AgentWaited)
    assert 0 < (waited.until - waited.at).total_seconds() <= 1.5
    assert session_of(repository).counts.total == 2


def test_an_answer_without_a_block_is_asked_again_with_the_reason(repository: Path) -> None:
    server = run(
        repository,
        [
            Answer(text="I would rather not."),
            Answer(text=edit("NO_SUCH_LINE = 1", "X = 2")),
            Answer(text=edit(LR, LR.replace("0.04", "0.05"))),
        ],
        *("--max", "2"),
    )
    assert len(server.requests) == 3
    assert "NO_SUCH_LINE" not in server.requests[1].prompt
    assert session_of(repository).experiment(2).verdict is Verdict.KEEP


def test_answers_that_stay_unusable_use_up_no_experiment(repository: Path) -> None:
    server = run(repository, [Answer(text="No.")], verb="start")
    session = wait_for(lambda: _if(session_of(repository), lambda s: s.pause), "the pause")
    server.__exit__(None, None, None)
    assert len(session.experiments) == 1
    assert any(a.kind == "edit_failed" for a in events(repository, AlarmRaised))


def test_a_crash_is_repaired_once_in_the_same_experiment(repository: Path) -> None:
    broken = LR.replace("0.04", "0.05") + "\nundefined_name"

    def mend(request: Request) -> Answer:
        assert "NameError" in request.prompt
        return Answer(text=edit("undefined_name", "fine = 1"))

    run(repository, [Answer(text=edit(LR, broken)), mend], "--max", "2")
    (revised,) = events(repository, ProposalRevised)
    assert "NameError" in revised.reason
    second = session_of(repository).experiment(2)
    assert len(second.runs) == 2
    assert second.verdict is Verdict.KEEP
    assert "fine = 1" in details(repository, session_of(repository).config.tag, 2).patch


def test_a_cap_on_tokens_pauses_before_the_next_call(repository: Path) -> None:
    server = run(repository, [knob_edit], "--max-tokens", "1000", verb="start")
    session = wait_for(lambda: _if(session_of(repository), lambda s: s.pause), "the pause")
    server.__exit__(None, None, None)
    assert len(server.requests) == 1
    assert session.pause is not None
    assert "--max-tokens" in session.pause.todo


def test_a_pause_breaks_off_a_call_at_once(repository: Path) -> None:
    server = run(repository, [HANGING], verb="start")
    wait_for(lambda: len(server.requests) == 1, "the call")
    assert send_command(repository, commands.PauseLoop()).ok
    wait_for(server.disconnected.is_set, "the end of the call")
    assert send_command(repository, commands.StopSession(mode=StopMode.NOW)).ok
    wait_for(lambda: engine_pid(repository) is None, "the engine's end")
    server.__exit__(None, None, None)
    assert len(session_of(repository).experiments) == 1


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (Answer(text=edit(LR, "X = 1"), break_after=3), ""),
        (Answer(text="x" * 2_000_000, piece=100_000), "SEARCH/REPLACE"),
        (Answer(text=edit("", "X = 1")), "SEARCH"),
        (Answer(text=edit("print()", "print(1)")), "2"),
        (Answer(text="prepare.py\n" + edit("TIME_BUDGET = 300", "TIME_BUDGET = 900")), "SEARCH"),
        (Answer(text=edit(LR, LR + "\x1b]0;owned\x07")), "changes nothing"),
        (Answer(text=edit(LR, LR + "  # [@click=app.quit]x[/]")), "changes nothing"),
    ],
    ids=["breaks", "2 MB", "empty search", "twice", "another file", "escapes", "markup"],
)
def test_a_bad_answer_is_asked_again_and_costs_no_experiment(
    repository: Path, bad: Answer, told: str
) -> None:
    train = (repository / "train.py").read_text()
    (repository / "train.py").write_text(train + "print()\n")
    git(repository, "commit", "-qam", "a line that is there twice")
    good = Answer(text=edit(LR, LR.replace("0.04", "0.05")))
    server = run(repository, [bad, good], "--max", "2", "--lookahead", "0")
    assert len(server.requests) == 2
    assert told in server.requests[1].prompt
    session = session_of(repository)
    assert session.counts.total == 2
    assert session.experiment(2).verdict is Verdict.KEEP
    assert session.pause is None
    if told:
        # The user sees the prompt too, and all of it.
        reasoning = details(repository, session.config.tag, 2).reasoning
        assert "cannot be used" in reasoning


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(status=529, message="Overloaded", kind="overloaded_error"),
        Refusal(status=429, message="too many requests", kind="rate_limit_exceeded"),
        Refusal(status=502, html=True),
    ],
    ids=["529", "429 without a time", "HTML"],
)
def test_what_passes_is_waited_for_with_a_countdown(repository: Path, refusal: Refusal) -> None:
    server = run(repository, [refusal], verb="start")
    session = wait_for(lambda: _if(session_of(repository), lambda s: s.waiting), "the wait")
    server.__exit__(None, None, None)
    assert session.waiting is not None
    assert session.waiting.until > session.at
    assert "<" not in session.waiting.reason
    assert session.pause is None


def test_without_a_network_it_is_tried_again_later(repository: Path) -> None:
    with ModelServer() as server:
        address = server.openai  # the server has closed it
    (repository / ".env").write_text(f"OPENAI_API_KEY={KEY}\n")
    words = ("--yes", "--model", "openai/test-model", "--api-base", address, "--budget", "0.05")
    assert run_warm("start", repository, *words).returncode == 0
    session = wait_for(lambda: _if(session_of(repository), lambda s: s.waiting), "the wait")
    assert session.waiting is not None
    assert "127.0.0.1" in session.waiting.reason
    assert len(session.experiments) == 1


def test_no_model_named(tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "w", {"train.py": 'LR = 1.0\nprint("val_bpb: 1")\n'})
    done = run_warm("start", workspace, "--yes", "--agent", "llm")
    assert done.returncode == 10
    assert "--model" in done.stderr


def test_what_it_would_be_told_is_what_it_is_told_and_is_kept(repository: Path) -> None:
    server = run(repository, [HANGING, HANGING], "--max", "3", verb="start")
    wait_for(lambda: len(server.requests) == 1, "the first call")
    assert send_command(repository, commands.PauseLoop()).ok
    wait_for(server.disconnected.is_set, "the end of the call")
    said = commands.AddNote(text="memory is free here")
    assert send_command(repository, said).ok
    reply = send_command(repository, commands.PreviewPrompt())
    assert reply.ok and "memory is free here" in reply.message
    assert send_command(repository, commands.ResumeLoop()).ok
    wait_for(lambda: len(server.requests) == 2, "the next call")
    sent = server.requests[1].body["messages"]
    assert [m["content"].strip() in reply.message for m in sent] == [True, True]
    assert send_command(repository, commands.StopSession(mode=StopMode.NOW)).ok
    wait_for(lambda: engine_pid(repository) is None, "the engine's end")
    server.__exit__(None, None, None)
    again = run(repository, [knob_edit], "--max", "3", "--lookahead", "0")
    session = session_of(repository)
    second = session.experiment(2)
    kept = read_prompt(Layout(repository, session.config.tag).session, second.prompt_key)
    assert kept is not None
    for message in again.requests[0].body["messages"]:
        assert message["content"].strip() in kept
    assert session.experiment(3).prompt_key != second.prompt_key
    assert not session.experiment(1).prompt_key


def test_what_it_was_told_again_is_kept_too(repository: Path) -> None:
    run(repository, [Answer(text="no block at all"), knob_edit], "--max", "2", "--lookahead", "0")
    session = session_of(repository)
    kept = read_prompt(
        Layout(repository, session.config.tag).session, session.experiment(2).prompt_key
    )
    assert kept is not None
    assert "no block at all" in kept and "Your edit was not applied" in kept
