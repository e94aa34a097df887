"""Proposals made while a run still trains: used, re-applied, or dropped, and never lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.client.request import send_command
from engine.client.sessions import details, engine_pid
from engine.core.enums import StopMode, Verdict
from engine.core.events import ProposalDrafted, ProposalDropped, ProposalQueued
from engine.core.layout import Layout
from engine.core.session import Session
from engine.protocol import commands
from engine.store.program_file import program_digest
from tests.engine.test_ratchet import check_books
from tests.journals import read_journal, read_session
from tests.model_server import Answer, Behaviour, ModelServer, Refusal, Request
from tests.warm import run_warm
from tests.world import Gate, wait_for

LONG = "600"
"""A budget that no test uses up: the run trains until it is ended."""
HANGING = Answer(text="Well, let me see what there is.", hang_after=1)
pytestmark = pytest.mark.usefixtures("engines")


def session_of(workspace: Path) -> Session:
    return read_session(workspace)


def events(workspace: Path, kind: type) -> list[Any]:
    tag = session_of(workspace).config.tag
    return [e for e in read_journal(Layout(workspace, tag).journal) if isinstance(e, kind)]


def edit(search: str, replace: str) -> Answer:
    return Answer(
        text=f"HYPOTHESIS: {search} becomes {replace}.\nCATEGORY: optimizer\nRATIONALE: it may help"
        f"\nEXPECTED: a gain\n\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"
    )


def begin(
    workspace: Path, script: list[Behaviour], *flags: str, verb: str = "run", budget: str = "0.4"
) -> ModelServer:
    server = ModelServer(script)
    server.__enter__()
    (workspace / ".env").write_text("OPENAI_API_KEY=sk-of-a-test\n")
    words: list[str | Path] = [verb, workspace, "--yes", "--model", "openai/test-model"]
    words += ["--tag", "t", "--api-base", server.openai, "--budget", budget, *flags]
    done = run_warm(*words, *(["--headless"] if verb == "run" else []))
    assert done.returncode == 0, done.stdout + done.stderr
    if verb == "run":
        server.__exit__(None, None, None)
    return server


RATE, WARMDOWN = (
    "MATRIX_LR = 0.04  # learning rate of the matrices",
    "WARMDOWN_RATIO = 0.5  # share of the budget",
)
WORSE, BETTER = "MATRIX_LR = 0.01", "MATRIX_LR = 0.05"
OTHER = "WARMDOWN_RATIO = 0.6"


def test_a_draft_is_ready_when_its_run_is_discarded(repository: Path) -> None:
    seen: list[str] = []

    def third(request: Request) -> Answer:
        seen.append(request.prompt)
        return edit(WARMDOWN, OTHER)

    begin(repository, [edit(RATE, WORSE), third], "--max", "3")
    session = session_of(repository)
    assert session.experiment(2).verdict is Verdict.DISCARD
    assert f"becomes {WORSE}" in seen[0]  # told of the one under way, so as not to repeat it
    queued = events(repository, ProposalQueued)
    assert [q.after for q in queued] == [1, 2]
    drafted = events(repository, ProposalDrafted)
    assert [(d.queued, d.rebased) for d in drafted] == [(0, False), (1, False), (2, False)]
    assert [e.queued for e in session.experiments] == [0, 1, 2]
    assert session.queue == ()
    check_books(repository)


def test_after_a_keep_an_edit_that_fits_is_re_applied(repository: Path) -> None:
    begin(repository, [edit(RATE, BETTER), edit(WARMDOWN, OTHER)], "--max", "3")
    session = session_of(repository)
    second, third = session.experiment(2), session.experiment(3)
    assert second.verdict is Verdict.KEEP
    assert third.rebased
    assert third.base == second.commit
    patch = details(repository, session.config.tag, 3).patch
    assert BETTER not in patch.replace(" " + BETTER, "") or RATE not in patch
    check_books(repository)


def test_after_a_keep_an_edit_of_the_same_line_is_made_again(repository: Path) -> None:
    begin(
        repository,
        [edit(RATE, BETTER), edit(RATE, "MATRIX_LR = 0.06"), edit(BETTER, "MATRIX_LR = 0.07")],
        *("--max", "3"),
    )
    session = session_of(repository)
    assert session.experiment(2).verdict is Verdict.KEEP
    (dropped,) = events(repository, ProposalDropped)
    assert "#2 was kept" in dropped.reason
    assert session.dropped[-1].hypothesis.endswith("becomes MATRIX_LR = 0.06.")
    assert session.experiment(3).proposal.hypothesis == f"{BETTER} becomes MATRIX_LR = 0.07."
    assert (session.experiment(3).queued, session.experiment(3).rebased) == (0, False)
    check_books(repository)


def test_a_new_program_has_a_draft_made_again(repository: Path) -> None:
    charters: list[bool] = []

    def answer(request: Request) -> Answer:
        charters.append("Think of the warm-up" in request.prompt)
        return edit(RATE, f"MATRIX_LR = 0.0{len(charters)}1")

    server = begin(repository, [answer], verb="start", budget=LONG)
    wait_for(lambda: session_of(repository).queue, "a draft")
    text = "Think of the warm-up.\n"
    assert send_command(repository, commands.AcceptProgram(digest=program_digest(text))).ok
    (repository / "program.md").write_text(text)
    wait_for(lambda: events(repository, ProposalDropped), "the draft to be dropped")
    wait_for(lambda: session_of(repository).queue, "another draft")
    assert charters == [False, True]
    assert send_command(repository, commands.StopSession(mode=StopMode.NOW)).ok
    wait_for(lambda: engine_pid(repository) is None, "the engine's end")
    server.__exit__(None, None, None)
    # It waits in the journal for the session to go on.
    assert len(session_of(repository).queue) == 1


def test_two_ahead_know_of_each_other(repository: Path) -> None:
    prompts: list[str] = []

    def answer(request: Request) -> Answer:
        prompts.append(request.prompt)
        return edit(RATE, f"MATRIX_LR = 0.0{len(prompts)}1")

    server = begin(repository, [answer], "--lookahead", "2", verb="start", budget=LONG)
    wait_for(lambda: len(session_of(repository).queue) == 2, "two drafts")
    assert "MATRIX_LR = 0.011" in prompts[1]
    assert send_command(repository, commands.StopSession(mode=StopMode.NOW)).ok
    wait_for(lambda: engine_pid(repository) is None, "the engine's end")
    server.__exit__(None, None, None)


@pytest.mark.parametrize("flags", [("--lookahead", "0"), ("--max-tokens", "2500")])
def test_nothing_is_made_ahead_where_that_is_off_or_not_affordable(
    repository: Path, flags: tuple[str, str]
) -> None:
    script: list[Behaviour] = [edit(RATE, WORSE), edit(WARMDOWN, OTHER)]
    begin(repository, script, "--max", "3", *flags)
    after = [q.after for q in events(repository, ProposalQueued)]
    # Of 2,500 tokens one call of 1,200 leaves too little for a draft that may be thrown away.
    assert after == ([] if flags[0] == "--lookahead" else [1])
    assert session_of(repository).counts.total == 3


def test_what_goes_wrong_ahead_does_not_disturb_the_run(repository: Path, tmp_path: Path) -> None:
    gate = Gate(repository, tmp_path / "gate")
    refused = Refusal(status=401, message="bad key", kind="invalid_api_key")
    server = begin(repository, [refused], verb="start", budget="0.05")
    wait_for(lambda: session_of(repository).alarms, "the alarm")
    assert session_of(repository).alarms[-1].kind == "lookahead"
    assert session_of(repository).pause is None
    gate.open()
    wait_for(lambda: session_of(repository).pause, "the pause, once it is really needed")
    assert session_of(repository).experiment(1).verdict is Verdict.KEEP
    server.__exit__(None, None, None)


def test_a_pause_breaks_off_what_is_made_ahead(repository: Path) -> None:
    server = begin(
        repository,
        [HANGING],
        verb="start",
        budget=LONG,
    )
    wait_for(lambda: len(server.requests) == 1, "the call")
    assert send_command(repository, commands.PauseLoop()).ok
    wait_for(server.disconnected.is_set, "the end of the call")
    assert session_of(repository).running is not None
    server.__exit__(None, None, None)
