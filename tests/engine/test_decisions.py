"""The user's decisions bind: approvals, vetoes, edits, pins, overrules."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.client.candidate import candidate_file
from engine.client.request import send_command
from engine.client.sessions import engine_pid
from engine.core.enums import (
    AlarmKind,
    Autonomy,
    DecisionKind,
    Origin,
    QueueState,
    StopMode,
    Verdict,
)
from engine.core.errors import EngineGoneError
from engine.core.events import (
    AlarmRaised,
    OverruleSettled,
    ProgramEdited,
    ProposalDropped,
    ReviewRequested,
)
from engine.core.layout import Layout
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.text import short_id
from engine.protocol import commands
from tests.engine.test_ratchet import rows, until
from tests.journals import read_journal, read_session
from tests.model_server import Answer, Behaviour, ModelServer, Request
from tests.warm import run_warm
from tests.world import Gate, git, wait_for

pytestmark = pytest.mark.usefixtures("engines")
RATE = "MATRIX_LR = 0.04  # learning rate of the matrices"
EMBEDDING = "EMBEDDING_LR = 0.6  # learning rate of the embeddings"
WARMDOWN = "WARMDOWN_RATIO = 0.5  # share of the budget"


def edit(search: str, replace: str) -> Answer:
    return Answer(
        text=f"HYPOTHESIS: {search.split(' #')[0]} becomes {replace}.\nCATEGORY: optimizer\n"
        "RATIONALE: it may help\nEXPECTED: a gain\n\n"
        f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"
    )


def session_of(workspace: Path) -> Session:
    return read_session(workspace, "t")


def events(workspace: Path, kind: type) -> list[Any]:
    return [e for e in read_journal(Layout(workspace, "t").journal) if isinstance(e, kind)]


def say(workspace: Path, command: commands.AnyCommand) -> str:
    reply = send_command(workspace, command)
    assert reply.ok, reply.message
    return reply.message


def refused(workspace: Path, command: commands.AnyCommand) -> str:
    reply = send_command(workspace, command)
    assert not reply.ok
    return reply.message


def check_books(workspace: Path) -> None:
    """What must hold however the user steered: rows, refs, branch and journal agree."""
    session = session_of(workspace)
    finished = [e for e in session.experiments if e.verdict is not None]
    table = rows(workspace, session.results_file)
    assert [r[0] for r in table] == [e.commit[:7] for e in finished]
    assert [r[3] for r in table] == [e.verdict.value for e in finished if e.verdict]
    tip = git(workspace, "rev-parse", "autoresearch/t")
    assert tip == session.frontier
    line = git(workspace, "rev-list", "autoresearch/t").split()
    assert line == git(workspace, "rev-list", "--first-parent", "autoresearch/t").split()
    assert session.base_commit in line
    for e in finished:
        assert git(workspace, "rev-parse", f"refs/autoresearch/t/{e.number}") == e.commit
        if e.advanced and e.overruled is None:
            assert e.commit in line
    for version in session.programs:
        assert version.commit in line


class Night:
    """A session with a model server behind it."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.server = ModelServer()
        self.server.__enter__()

    def begin(
        self, script: list[Behaviour], *flags: str, autonomy: str = "ask-all", budget: str = "0.05"
    ) -> None:
        self.server.script = script
        (self.workspace / ".env").write_text("OPENAI_API_KEY=sk-of-a-test\n")
        words = ["--tag", "t", "--yes", "--model", "openai/test-model", "--budget", budget]
        words += ["--api-base", self.server.openai, "--autonomy", autonomy, *flags]
        done = run_warm("start", self.workspace, *words)
        assert done.returncode == 0, done.stderr

    def asked(self, count: int = 1) -> str:
        """The patch of the first open question, once there are so many."""
        found = wait_for(
            lambda: s.asked if len((s := session_of(self.workspace)).asked) >= count else None,
            f"{count} questions",
        )
        return found[0].proposal.patch_id

    def finished(self, count: int) -> Session:
        return wait_for(
            lambda: s if (s := session_of(self.workspace)).counts.total >= count else None,
            f"experiment {count}",
        )

    def stop(self) -> None:
        with contextlib.suppress(EngineGoneError):  # it may be about to end by itself
            send_command(self.workspace, commands.StopSession(mode=StopMode.NOW))
        wait_for(lambda: engine_pid(self.workspace) is None, "the engine's end")


@pytest.fixture
def night(repository: Path) -> Iterator[Night]:
    night = Night(repository)
    yield night
    night.server.__exit__(None, None, None)


def test_nothing_runs_before_it_is_approved_and_the_first_word_counts(
    night: Night, repository: Path
) -> None:
    night.begin([edit(RATE, "MATRIX_LR = 0.05"), edit(EMBEDDING, "EMBEDDING_LR = 0.7")])
    patch = night.asked()
    assert session_of(repository).counts.total <= 1
    assert "Approved" in say(repository, commands.ApproveProposal(patch_id=patch))
    second = refused(repository, commands.VetoProposal(patch_id=patch, reason="too late"))
    session = night.finished(2)
    assert "already" in second or "approved" in second
    experiment = session.experiment(2)
    assert experiment.proposal.patch_id == patch
    assert [d.kind for d in experiment.decisions] == ["asked", "approved"]
    night.stop()
    check_books(repository)


def test_a_decision_names_a_patch_that_is_in_question(night: Night, repository: Path) -> None:
    night.begin([edit(RATE, "MATRIX_LR = 0.05")])
    patch = night.asked()
    stale = refused(repository, commands.ApproveProposal(patch_id="0" * 12))
    assert short_id(patch) in stale
    assert "needs a text" in refused(repository, commands.VetoProposal(patch_id=patch, reason="  "))
    assert session_of(repository).asked
    night.stop()


def test_a_veto_reaches_the_agent_and_the_edit_does_not_come_back(
    night: Night, repository: Path
) -> None:
    prompts: list[str] = []

    def second(request: Request) -> Answer:
        prompts.append(request.prompt)
        return edit(RATE, "MATRIX_LR  =  0.05")  # the same in other white space

    def third(request: Request) -> Answer:
        prompts.append(request.prompt)
        return edit(EMBEDDING, "EMBEDDING_LR = 0.7")

    hold = Answer(text="Let me think about that for long.", hang_after=1)
    night.begin([edit(RATE, "MATRIX_LR = 0.05"), hold, second, third], "--lookahead", "0")
    patch = night.asked()
    wait_for(lambda: len(night.server.requests) >= 2, "the next call")
    say(repository, commands.VetoProposal(patch_id=patch, reason="rates are tuned elsewhere"))
    assert night.asked() != patch
    assert "rates are tuned elsewhere" in prompts[0]
    assert "vetoed this edit before" in prompts[1]
    assert session_of(repository).vetoed[0].reason == "rates are tuned elsewhere"
    night.stop()


def test_what_nobody_answers_is_parked_and_waits(night: Night, repository: Path) -> None:
    turns = iter(range(1, 100))

    def answer(request: Request) -> Answer:
        return edit(RATE, f"MATRIX_LR = 0.0{next(turns)}1")

    night.begin([answer], "--review-timeout", "0.3")
    wait_for(lambda: session_of(repository).parked, "a parked proposal")
    session = session_of(repository)
    parked = session.parked[0]
    assert parked.decisions[-1].by == "timeout"
    assert session.counts.total <= 1  # never approved by itself
    say(repository, commands.ApproveProposal(patch_id=parked.proposal.patch_id))
    assert night.finished(2).experiment(2).proposal.patch_id == parked.proposal.patch_id
    night.stop()
    check_books(repository)


def test_the_slot_works_on_something_else_while_a_question_waits(
    night: Night, repository: Path
) -> None:
    night.begin(
        [edit(RATE, "import socket\nMATRIX_LR = 0.05"), edit(EMBEDDING, "EMBEDDING_LR = 0.7")],
        *("--max", "2"),
        autonomy="ask-risky",
    )
    session = night.finished(2)
    assert "EMBEDDING_LR" in session.experiment(2).proposal.hypothesis
    assert "socket" in session.queue[0].patch
    assert session.queue[0].findings
    night.stop()
    check_books(repository)


def test_cheating_is_asked_about_in_any_autonomy(night: Night, repository: Path) -> None:
    cheat = edit('print("peak_vram_mb:     512.0")', 'print("val_bpb: 0.1")')
    night.begin([cheat, edit(RATE, "MATRIX_LR = 0.05")], "--max", "2", autonomy="auto")
    session = night.finished(2)
    assert session.experiment(2).proposal.hypothesis.startswith("MATRIX_LR")
    (request,) = events(repository, ReviewRequested)
    assert request.why.startswith("never run unasked")
    night.stop()


def test_an_edited_patch_is_assessed_and_asked_again(night: Night, repository: Path) -> None:
    night.begin([edit(RATE, "MATRIX_LR = 0.05")])
    patch = night.asked()
    queued = session_of(repository).asked[0]
    before, after, base = candidate_file(repository, session_of(repository), queued)
    assert before != after
    broken = refused(repository, commands.EditProposal(patch_id=patch, source=after + "def"))
    assert "not valid Python" in broken
    assert "nothing is left" in refused(
        repository, commands.EditProposal(patch_id=patch, source=before)
    )
    edited = after.replace("0.05", "0.055")
    say(repository, commands.EditProposal(patch_id=patch, source=edited, base=base))
    new = wait_for(
        lambda: (
            q.proposal.patch_id
            if (q := session_of(repository).queue[0]).proposal.patch_id != patch
            and q.state is QueueState.ASKED
            else None
        ),
        "the question about the edited patch",
    )
    assert short_id(patch) in refused(repository, commands.ApproveProposal(patch_id=patch))
    say(repository, commands.ApproveProposal(patch_id=new))
    session = night.finished(2)
    assert "0.055" in git(repository, "show", session.experiment(2).commit)
    assert session.experiment(2).proposal.knobs == {"MATRIX_LR": ("0.04", "0.055")}
    assert [d.kind for d in session.experiment(2).decisions].count(DecisionKind.APPROVED) == 1
    night.stop()


def test_a_veto_ends_a_run_and_is_told(night: Night, repository: Path) -> None:
    hold = Answer(text="Let me think about that for long.", hang_after=1)
    night.begin([edit(RATE, "MATRIX_LR = 0.05"), hold], autonomy="auto", budget="600")
    wait_for(lambda: session_of(repository).queue, "a draft")
    wait_for(lambda: session_of(repository).running, "the baseline")
    assert "cannot be vetoed" in refused(
        repository, commands.KillRun(experiment=1, reason="I do not like it")
    )
    night.stop()


@pytest.mark.parametrize("agent", ["llm", "search"])
def test_a_pin_of_knobs_is_done_literally_and_next(
    night: Night, repository: Path, tmp_path: Path, agent: str
) -> None:
    gate = Gate(repository, tmp_path / "gate")
    hold = Answer(text="Let me think about that for long.", hang_after=1)
    night.begin([hold], "--agent", agent, "--max", "2", autonomy="auto")
    say(repository, commands.PinHypothesis(text="MATRIX_LR=0.055, DEPTH = 5"))
    gate.open()
    session = night.finished(2)
    second = session.experiment(2)
    assert second.origin is Origin.PIN
    assert second.proposal.knobs == {"MATRIX_LR": ("0.04", "0.055"), "DEPTH": ("4", "5")}
    assert session.pins[0].experiment == 2
    night.stop()
    check_books(repository)


def test_a_sentence_is_pinned_for_an_agent_that_thinks(
    night: Night, repository: Path, tmp_path: Path
) -> None:
    gate = Gate(repository, tmp_path / "gate")
    prompts: list[str] = []

    def answer(request: Request) -> Answer:
        prompts.append(request.prompt)
        turn = len(prompts)
        return edit(RATE, f"MATRIX_LR = 0.0{turn}5")

    night.begin([answer], "--max", "6", autonomy="auto")
    wait_for(lambda: session_of(repository).queue, "a draft of the agent's own")
    say(repository, commands.BanDirection(text="depth"))
    say(repository, commands.AddNote(text="the GPU is shared"))
    # Last, because its proposal is asked for at once.
    say(repository, commands.PinHypothesis(text="try a larger rate of the embeddings"))
    gate.open()
    wait_for(lambda: session_of(repository).pins[0].experiment, "the pinned one")
    assert "try a larger rate of the embeddings" in prompts[-1] or any(
        "exactly this hypothesis tried now" in p for p in prompts
    )
    assert any("- depth\n" in p and "- the GPU is shared\n" in p for p in prompts)
    # What was made before is dropped, or broken off where it was still being made.
    assert all("something new" in e.reason for e in events(repository, ProposalDropped)[:1])
    night.stop()


def test_the_search_says_what_it_cannot_do(repository: Path, tmp_path: Path) -> None:
    gate = Gate(repository, tmp_path / "gate")
    words = ("--yes", "--tag", "t", "--budget", "0.05", "--max", "3")
    assert run_warm("start", repository, *words).returncode == 0
    say(repository, commands.PinHypothesis(text="try something clever"))
    gate.open()
    wait_for(lambda: [a for a in events(repository, AlarmRaised) if a.kind == "pin"], "the alarm")
    assert (
        "NAME" in session_of(repository).pins[0].removed or session_of(repository).pins[0].removed
    )
    wait_for(lambda: engine_pid(repository) is None, "the end")
    check_books(repository)


def test_a_ban_keeps_the_search_from_a_knob(repository: Path, tmp_path: Path) -> None:
    gate = Gate(repository, tmp_path / "gate")
    words = ("--yes", "--tag", "t", "--budget", "0.05", "--max", "6")
    assert run_warm("start", repository, *words).returncode == 0
    say(repository, commands.BanDirection(text="leave MATRIX_LR, EMBEDDING_LR and DEPTH alone"))
    gate.open()
    wait_for(lambda: engine_pid(repository) is None, "the end")
    touched = {k for e in session_of(repository).experiments for k in e.proposal.knobs}
    assert touched == {"WARMDOWN_RATIO"}


def test_a_new_program_is_committed_to_the_branch_and_nothing_else_changes(
    repository: Path, tmp_path: Path
) -> None:
    gate = Gate(repository, tmp_path / "gate")
    (repository / "program.md").write_text("# Charter\n\nLower the loss.\n")
    git(repository, "add", "program.md")
    git(repository, "commit", "-qm", "charter")
    (repository / "train.py").write_text((repository / "train.py").read_text() + "# mine\n")
    before = git(repository, "status", "--porcelain")
    words = ("--yes", "--tag", "t", "--budget", "0.05", "--max", "4")
    assert run_warm("start", repository, *words).returncode == 0
    gate.let_pass(1)
    wait_for(lambda: len(session_of(repository).experiments) == 2, "the baseline")
    new = tmp_path / "new.md"
    new.write_text("# Charter\n\nLower the loss. Mind the depth.\n")
    assert run_warm("program", "-C", repository, "--set", new).returncode == 0
    gate.open()
    wait_for(lambda: engine_pid(repository) is None, "the end")
    session = session_of(repository)
    first, second = session.programs
    assert second.experiment in (2, 3, 4)
    assert (second.added, second.removed) == (1, 1)
    assert "Mind the depth" in git(repository, "show", "autoresearch/t:program.md")
    assert "Mind the depth" not in git(repository, "show", "main:program.md")
    author = git(repository, "log", "-1", "--format=%an", second.commit)
    assert author == git(repository, "config", "user.name")
    diffs = [e.diff for e in events(repository, ProgramEdited)]
    assert diffs[0] == "" and "+Lower the loss. Mind the depth." in diffs[1]
    assert first.commit
    after = git(repository, "status", "--porcelain")
    assert after == before.replace(" M train.py", " M program.md\n M train.py")
    check_books(repository)


@pytest.mark.parametrize("damage", ["gone", "binary"])
def test_a_damaged_program_changes_nothing_but_for_an_alarm(
    repository: Path, tmp_path: Path, damage: str
) -> None:
    gate = Gate(repository, tmp_path / "gate")
    path = repository / "program.md"
    path.write_text("# Charter\n")
    words = ("--yes", "--tag", "t", "--budget", "0.05", "--max", "3")
    assert run_warm("start", repository, *words).returncode == 0
    wait_for(lambda: session_of(repository).running, "the baseline")
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"\xff\xfe\0\1")
    gate.open()
    wait_for(
        lambda: [a for a in events(repository, AlarmRaised) if a.kind == "program"], "the alarm"
    )
    wait_for(lambda: engine_pid(repository) is None, "the end")
    session = session_of(repository)
    assert len(session.programs) == 1
    assert git(repository, "show", "autoresearch/t:program.md") == "# Charter"
    check_books(repository)


def ended(repository: Path, *flags: str) -> Session:
    """Return a session of a search, paused after eight experiments; no other is under way."""
    gate = Gate(repository, repository.parent / "gate-of-eight")
    for number in range(1, 8):
        gate.let_pass(number)
    words = ("--yes", "--tag", "t", "--budget", "0.05", "--max", "40", *flags)
    assert run_warm("start", repository, *words).returncode == 0
    until(repository, lambda s: len(s.experiments) == 8 and s.running is not None, "the eighth run")
    say(repository, commands.PauseLoop())
    gate.open()
    return at_rest(repository)


def at_rest(workspace: Path) -> Session:
    """The session once it is paused and nothing runs."""

    def look() -> Session | None:
        session = session_of(workspace)
        *_, last = session.experiments
        untouched = last.verdict is None and last.run is None
        written = last.row_written and (last.verdict is not Verdict.KEEP or last.advanced)
        done = (untouched or written) and not session.pending_overrules
        return session if session.pause and done else None

    return wait_for(look, "the safe point")


def test_verdicts_of_the_person_move_the_branch_by_new_commits(repository: Path) -> None:
    session = ended(repository)
    kept = [e.number for e in session.experiments if e.verdict is Verdict.KEEP]
    assert len(kept) >= 2
    last, tip = kept[-1], git(repository, "rev-parse", "autoresearch/t")
    reasonless = commands.OverruleVerdict(experiment=last, verdict=Verdict.DISCARD, reason=" ")
    assert "needs a text" in refused(repository, reasonless)
    assert "baseline" in refused(
        repository, commands.OverruleVerdict(experiment=1, verdict=Verdict.DISCARD, reason="no")
    )
    command = commands.OverruleVerdict(experiment=last, verdict=Verdict.DISCARD, reason="luck")
    say(repository, command)
    assert "already" in refused(repository, command)
    say(repository, commands.ResumeLoop())
    session = wait_for(
        lambda: s if not (s := session_of(repository)).pending_overrules else None,
        "the branch to follow",
    )
    say(repository, commands.PauseLoop())
    assert session.experiment(last).effective_verdict is Verdict.DISCARD
    assert git(repository, "merge-base", "--is-ancestor", tip, "autoresearch/t") == ""
    before = git(repository, "show", f"{session.experiment(last).base}:train.py")
    words = ("--format=%H", "--grep", f"Revert experiment {last}", "-1", "autoresearch/t")
    if taken := git(repository, "log", *words):
        assert git(repository, "show", f"{taken}:train.py") == before
    else:
        wait_for(
            lambda: (
                any(
                    one.of == last
                    for many in (session_of(repository).queue, session_of(repository).experiments)
                    for one in many
                )
                # An experiment drafted before the overrule may be kept after it and change the
                # same lines; then the user is told that the reversal does not fit.
                or any(a.kind is AlarmKind.OVERRULE for a in session_of(repository).alarms)
            ),
            "the file without it, or the reason why not",
        )
    at_rest(repository)
    check_books(repository)


def test_an_experiment_is_confirmed_without_moving_anything(repository: Path) -> None:
    session = ended(repository)
    best = session.best
    assert best is not None
    say(repository, commands.ConfirmExperiment(experiment=best.number))
    say(repository, commands.ResumeLoop())
    again = wait_for(
        lambda: next(
            (e for e in session_of(repository).experiments if e.of and e.verdict is not None), None
        ),
        "the run",
    )
    session = session_of(repository)
    assert (again.origin, again.of) == (Origin.CONFIRM, best.number)
    assert again.commit == best.commit
    assert again.verdict is Verdict.DISCARD
    assert f"#{best.number} again" in again.verdict_reason
    assert not again.advanced
    say(repository, commands.PauseLoop())
    at_rest(repository)
    check_books(repository)


def test_a_discard_is_revived_on_the_frontier(repository: Path) -> None:
    session = ended(repository)
    lost = [e for e in session.experiments if e.verdict is Verdict.DISCARD]
    answers = {
        e.number: send_command(repository, commands.ReviveExperiment(experiment=e.number))
        for e in lost
    }
    assert all(r.ok or "no longer fits" in r.message or "already" in r.message
               for r in answers.values())  # fmt: skip
    fitting = [number for number, reply in answers.items() if reply.ok]
    if not fitting:
        pytest.skip("no discard of this session fits its frontier")
    asked = wait_for(
        lambda: q if len(q := session_of(repository).asked) == len(fitting) else None, "questions"
    )
    assert {q.of for q in asked} == set(fitting)
    assert all(q.origin is Origin.REVIVE for q in asked)
    say(repository, commands.ApproveProposal(patch_id=asked[0].proposal.patch_id))
    say(repository, commands.ResumeLoop())

    def ran() -> Experiment | None:
        experiments = session_of(repository).experiments
        return next((e for e in experiments if e.of and e.verdict is not None), None)

    assert wait_for(ran, "the run").of == asked[0].of
    say(repository, commands.PauseLoop())
    at_rest(repository)
    check_books(repository)


def test_autonomy_is_in_force_for_the_next_proposal(
    night: Night, repository: Path, tmp_path: Path
) -> None:
    gate = Gate(repository, tmp_path / "gate")
    turns = iter(range(1, 100))

    def answer(request: Request) -> Answer:
        return edit(RATE, f"MATRIX_LR = 0.0{next(turns)}1")

    night.begin([answer], "--max", "4", autonomy="auto")
    gate.let_pass(1)
    wait_for(lambda: len(session_of(repository).experiments) == 2, "the second experiment")
    assert "every edit" in say(repository, commands.SetAutonomy(autonomy=Autonomy.ASK_ALL))
    gate.open()
    night.asked()
    assert session_of(repository).autonomy is Autonomy.ASK_ALL
    say(repository, commands.SetAutonomy(autonomy=Autonomy.AUTO))
    night.stop()


def test_a_kill_between_a_commit_of_the_charter_and_its_event_is_survived(
    repository: Path,
) -> None:
    """The branch has the commit, the journal does not know: the next engine makes the same one."""
    (repository / "program.md").write_text("# Charter\n")
    words = ("--yes", "--tag", "t", "--budget", "0.05", "--max", "2")
    assert run_warm("start", repository, *words).returncode == 0
    wait_for(lambda: engine_pid(repository) is None, "the end")
    journal = Layout(repository, "t").journal
    lines = journal.read_bytes().splitlines(True)
    cut = next(i for i, line in enumerate(lines) if b"ProgramCommitted" in line)
    assert b"ProgramEdited" in lines[cut - 1]
    tip = session_of(repository).programs[0].commit
    journal.write_bytes(b"".join(lines[:cut]))
    for ref in git(
        repository, "for-each-ref", "--format=%(refname)", "refs/autoresearch/t"
    ).split():
        if "program" not in ref:
            git(repository, "update-ref", "-d", ref)
    git(repository, "update-ref", "refs/heads/autoresearch/t", tip)
    (repository / "results.tsv").unlink()
    assert run_warm("start", repository, "--yes", "--tag", "t", "--max", "2").returncode == 0
    wait_for(lambda: engine_pid(repository) is None, "the end")
    session = session_of(repository)
    assert session.counts.total == 2
    assert session.programs[0].commit == tip
    check_books(repository)


def test_the_search_asks_about_different_edits(repository: Path) -> None:
    words = ("--yes", "--tag", "t", "--budget", "0.05", "--autonomy", "ask-all")
    assert run_warm("start", repository, *words).returncode == 0
    session = wait_for(
        lambda: s if len((s := session_of(repository)).asked) == 3 else None, "three questions"
    )
    assert len({q.proposal.patch_id for q in session.asked}) == 3
    say(repository, commands.VetoProposal(patch_id=session.asked[0].proposal.patch_id, reason="no"))
    session = wait_for(
        lambda: s if len((s := session_of(repository)).asked) == 3 else None, "three again"
    )
    vetoed = session.vetoed[0].proposal
    assert all(q.proposal.knobs != vetoed.knobs for q in session.asked)
    for queued in session.asked:
        say(repository, commands.ApproveProposal(patch_id=queued.proposal.patch_id))
    # One that was kept may move the lines beside another: then that is asked about again.
    wait_for(lambda: session_of(repository).counts.total >= 2, "the first of them")
    say(repository, commands.PauseLoop())
    at_rest(repository)
    check_books(repository)


def test_a_risky_knob_is_asked_about_once_while_others_are_tried(repository: Path) -> None:
    (repository / "program.md").write_text("Do not change `DEPTH` or `MATRIX_LR`.\n")
    words = ("--yes", "--tag", "t", "--budget", "0.02", "--max", "12", "--autonomy", "ask-risky")
    assert run_warm("start", repository, *words).returncode == 0
    wait_for(lambda: engine_pid(repository) is None, "the end")
    session = session_of(repository)
    assert session.counts.total == 12
    asked = [set(q.proposal.knobs) & {"DEPTH", "MATRIX_LR"} for q in session.queue]
    assert {name for names in asked for name in names} == {"DEPTH", "MATRIX_LR"}
    assert sum(map(len, asked)) == 2
    check_books(repository)


def test_with_every_knob_in_question_the_search_waits_for_an_answer(repository: Path) -> None:
    knobs = "DEPTH", "MATRIX_LR", "EMBEDDING_LR", "WARMDOWN_RATIO"
    (repository / "program.md").write_text(f"Do not change {', '.join(f'`{k}`' for k in knobs)}.\n")
    words = ("--yes", "--tag", "t", "--budget", "0.02", "--max", "3", "--autonomy", "ask-risky")
    assert run_warm("start", repository, *words).returncode == 0
    session = wait_for(
        lambda: s if (s := session_of(repository)).waiting is not None else None, "the wait"
    )
    assert session.waiting is not None
    assert "of a knob in question" in session.waiting.reason
    asked = [name for q in session.asked for name in q.proposal.knobs]
    assert sorted(asked) == sorted(knobs)
    first, second = session.asked[:2]
    say(repository, commands.VetoProposal(patch_id=first.proposal.patch_id, reason="no"))
    again = wait_for(
        lambda: next((q for q in session_of(repository).asked if q.number > len(knobs)), None),
        "another question about the knobs of the first",
    )
    assert again.proposal.knobs.keys() <= first.proposal.knobs.keys()
    assert again.proposal.knobs != first.proposal.knobs
    say(repository, commands.ApproveProposal(patch_id=second.proposal.patch_id))
    wait_for(lambda: session_of(repository).counts.total >= 2, "the approved one")
    assert session_of(repository).pause is None
    say(repository, commands.StopSession(mode=StopMode.NOW))
    wait_for(lambda: engine_pid(repository) is None, "the end")
    check_books(repository)


def test_a_pin_taken_back_is_not_run_though_its_edit_was_made(
    night: Night, repository: Path
) -> None:
    hold = Answer(text="Let me think about that for long.", hang_after=1)
    night.begin([hold], autonomy="auto", budget="600")
    say(repository, commands.PinHypothesis(text="MATRIX_LR=0.055"))
    wait_for(lambda: session_of(repository).ready, "its edit, made ahead")
    say(repository, commands.RemovePin(pin=1))
    dropped = wait_for(lambda: session_of(repository).dropped, "the edit to be dropped")
    assert "removed" in dropped[0].reason
    night.stop()
    assert all(e.pin == 0 for e in session_of(repository).experiments)


def test_an_edit_made_over_a_newer_keep_does_not_take_it_back(
    night: Night, repository: Path
) -> None:
    night.begin([edit(RATE, "MATRIX_LR = 0.05"), edit(WARMDOWN, "WARMDOWN_RATIO = 0.6")])
    first = night.asked(2)
    session = session_of(repository)
    second = session.asked[1]
    _, after, base = candidate_file(repository, session, second)
    say(repository, commands.ApproveProposal(patch_id=first))
    wait_for(lambda: session_of(repository).counts.keep >= 2, "the first to be kept")
    # The user wrote the edit with a file that did not have this keep yet.
    edited = after.replace("WARMDOWN_RATIO = 0.6", "WARMDOWN_RATIO = 0.65")
    patch = wait_for(
        lambda: next((q.proposal.patch_id for q in session_of(repository).asked
                      if "WARMDOWN" in q.patch), None),
        "the question about the second",
    )  # fmt: skip
    say(repository, commands.EditProposal(patch_id=patch, source=edited, base=base))
    now = wait_for(
        lambda: next((q for q in session_of(repository).asked if "0.65" in q.patch), None),
        "the edited one",
    )
    assert "+WARMDOWN_RATIO = 0.65" in now.patch
    assert "-MATRIX_LR = 0.05" not in now.patch
    night.stop()


OPTIMIZERS = (
    "def sgd():\n    lr = 0.1\n    return lr\n\n\ndef adam():\n    lr = 0.2\n    return lr\n"
)


def test_an_approved_edit_of_one_optimizer_is_never_made_to_another(
    night: Night, repository: Path
) -> None:
    train = (repository / "train.py").read_text()
    (repository / "train.py").write_text(train.replace("\nbudget", f"\n{OPTIMIZERS}\n\nbudget"))
    git(repository, "commit", "-qam", "two optimizers")
    swapped = f"{RATE}\n{train.split(RATE + chr(10))[1].split('budget =')[0]}{OPTIMIZERS}"
    better = swapped.replace("0.04", "0.05").replace("0.1", "0").replace("0.2", "0.1")
    turns = iter(range(101, 200))
    night.begin(
        [
            edit("def sgd():\n    lr = 0.1", "def sgd():\n    lr = 0.3"),
            edit(swapped, better.replace("lr = 0\n", "lr = 0.2\n")),
            lambda request: edit(WARMDOWN, f"WARMDOWN_RATIO = 0.{next(turns)}"),
        ]
    )
    night.asked(2)
    first, second = (q.proposal.patch_id for q in session_of(repository).asked[:2])
    say(repository, commands.ApproveProposal(patch_id=second))
    wait_for(lambda: session_of(repository).counts.keep >= 2, "the swap of the rates to be kept")
    say(repository, commands.ApproveProposal(patch_id=first))
    (dropped,) = wait_for(lambda: events(repository, ProposalDropped), "the end of the first")
    assert dropped.reason == (
        "its place in the file is not certain since #2 was kept: your approval was for another"
    )
    night.stop()
    assert len(session_of(repository).experiments) == 2
    check_books(repository)


def test_verdicts_that_cancel_out_while_a_run_is_under_way(repository: Path) -> None:
    gate = Gate(repository, repository.parent / "gate")
    for number in range(1, 8):
        gate.let_pass(number)
    words = ("--yes", "--tag", "t", "--budget", "0.05", "--max", "8")
    assert run_warm("start", repository, *words).returncode == 0
    until(repository, lambda s: len(s.experiments) == 8 and s.running is not None, "the eighth run")
    best = session_of(repository).best
    assert best is not None and not best.is_baseline
    for verdict in (Verdict.DISCARD, Verdict.KEEP):
        command = commands.OverruleVerdict(
            experiment=best.number, verdict=verdict, reason="I am not sure"
        )
        say(repository, command)
    gate.open()
    wait_for(lambda: engine_pid(repository) is None, "the end")
    (settled,) = events(repository, OverruleSettled)
    assert "has never lost" in settled.how
    assert not [a for a in events(repository, AlarmRaised) if a.kind == "overrule"]
    assert session_of(repository).experiment(best.number).effective_verdict is Verdict.KEEP
    check_books(repository)


def test_two_verdicts_on_one_experiment(repository: Path) -> None:
    session = ended(repository)
    best = session.best
    assert best is not None and not best.is_baseline
    tip = git(repository, "rev-parse", "autoresearch/t")
    for verdict in (Verdict.DISCARD, Verdict.KEEP):
        say(
            repository,
            commands.OverruleVerdict(
                experiment=best.number, verdict=verdict, reason="I am not sure"
            ),
        )
    say(repository, commands.ResumeLoop())
    wait_for(lambda: not session_of(repository).pending_overrules, "the branch to follow")
    say(repository, commands.PauseLoop())
    session = at_rest(repository)
    assert session.experiment(best.number).effective_verdict is Verdict.KEEP
    assert not [a for a in events(repository, AlarmRaised) if a.kind == "overrule"]
    assert git(repository, "merge-base", "--is-ancestor", tip, "autoresearch/t") == ""
    check_books(repository)
