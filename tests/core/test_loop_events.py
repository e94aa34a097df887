"""What the loop's events make of a session, and the questions one can ask of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import (
    Actor,
    AlarmKind,
    DecisionKind,
    Direction,
    Origin,
    Outcome,
    SessionState,
    StopMode,
    Verdict,
)
from engine.core.imported_attempt import PastAttempt
from engine.core.machine import MachineSample
from engine.core.reducer import CONTRADICTIONS, apply, fold
from engine.core.session import Session

START = datetime(2026, 11, 21, tzinfo=UTC)


def at(seq: int) -> datetime:
    return START + timedelta(seconds=seq)


def play(*events: Any, session: Session | None = None) -> Session:
    """Fold events, numbered and dated one second apart as a journal would."""
    session = Session() if session is None else session
    for event in events:
        seq = session.seq + 1
        session = apply(session, replace(event, seq=seq, at=at(seq)))
    return session


def began(**config: Any) -> ev.SessionStarted:
    return ev.SessionStarted(
        version="2",
        workspace="/w",
        branch="autoresearch/t",
        base_commit="base",
        config=ResearchConfig(tag="t", **config),
        results_file="mine.tsv",
        notes=("results.tsv was not ours",),
    )


def drafted(number: int, **fields: Any) -> ev.ProposalDrafted:
    return ev.ProposalDrafted(
        **{
            "experiment": number,
            "base": "base",
            "proposal": ev.Proposal(patch_id=f"e{number}", hypothesis=f"try {number}"),
            "patch": f"diff {number}",
            "reasoning": f"because {number}",
            **fields,
        }
    )


def started(number: int, run: int = 1, **fields: Any) -> ev.RunStarted:
    return ev.RunStarted(
        **{
            "experiment": number,
            "run": run,
            "slot": 0,
            "command": "x",
            "directory": f"d{run}",
            "deadline_seconds": 9.0,
            **fields,
        }
    )


def finished(number: int, metric: float, verdict: Verdict) -> list[Any]:
    events: list[Any] = [
        drafted(number),
        ev.CandidateCommitted(experiment=number, commit=f"c{number}", ref=f"r/{number}"),
        started(number),
        ev.RunEnded(experiment=number, run=1, outcome=Outcome.FINISHED),
        ev.Measured(experiment=number, run=1, measurement=ev.Measurement(metric=metric)),
        ev.VerdictGiven(experiment=number, verdict=verdict, reason="why", gain=0.5),
        ev.RowWritten(experiment=number, file="results.tsv"),
    ]
    if verdict is Verdict.KEEP:
        events.append(ev.FrontierAdvanced(experiment=number, commit=f"c{number}"))
    return events


# ---- the session as a whole


def test_a_session_starts_where_its_config_and_branch_say() -> None:
    session = play(began(max_experiments=4))
    assert (session.version, session.workspace, session.branch) == ("2", "/w", "autoresearch/t")
    assert (session.base_commit, session.frontier) == ("base", "base")
    assert session.config.max_experiments == 4
    assert session.results_file == "mine.tsv"
    assert session.notes == ("results.tsv was not ours",)
    assert session.started_at == at(1)
    assert (session.seq, session.at) == (1, at(1))


def test_imported_history_adds_its_attempts_and_notes() -> None:
    attempt = PastAttempt(row=1, metric=1.0, status="keep", description="x")
    session = play(
        began(),
        ev.HistoryImported(
            file="results.tsv", branch="b", tip="t", attempts=(attempt,), notes=("no times",)
        ),
    )
    assert session.past == (attempt,)
    assert session.notes == ("results.tsv was not ours", "no times")


def test_engines_are_counted_and_the_newest_is_known_until_it_stops() -> None:
    session = play(began(), ev.EngineStarted(pid=7, version="1"))
    session = play(ev.EngineStarted(pid=8, version="1"), session=session)
    assert (session.engine_pid, session.engine_starts) == (8, 2)
    session = play(ev.EngineStopped(reason="terminated"), session=session)
    assert (session.engine_pid, session.engine_starts) == (None, 2)


def test_the_platform_and_the_newest_machine_sample_are_known() -> None:
    platform = ev.Platform(system="Linux", python="3.11", cpu="x", cores=2, ram_bytes=1)
    sample = ev.DevicesSampled(experiment=1, run=1, sample=MachineSample())
    session = play(began(), ev.PlatformDetected(platform=platform), sample)
    assert session.platform == platform
    assert session.machine is not None
    assert session.machine.sample == sample.sample


def test_a_pause_keeps_its_reason_until_the_session_is_resumed() -> None:
    session = play(began(), ev.Paused(by=Actor.ENGINE, reason="disk full", todo="free space"))
    assert session.pause is not None
    assert (session.pause.by, session.pause.reason, session.pause.todo, session.pause.at) == (
        Actor.ENGINE,
        "disk full",
        "free space",
        at(2),
    )
    assert session.state is SessionState.PAUSED
    assert play(ev.Resumed(by=Actor.SCREEN), session=session).pause is None


def test_a_stop_can_be_requested_cancelled_and_carried_out() -> None:
    request = ev.StopRequested(by=Actor.SCREEN, mode=StopMode.AFTER_RUN, reason="enough")
    session = play(began(), request)
    assert (session.stop, session.stop_reason) == (StopMode.AFTER_RUN, "enough")
    assert play(ev.StopCancelled(by=Actor.SCREEN), session=session).stop is None
    ended = play(ev.SessionEnded(reason="stopped"), session=session)
    assert (ended.ended, ended.stop, ended.state) == ("stopped", None, SessionState.ENDED)


def test_only_the_newest_fifty_alarms_are_kept() -> None:
    alarms = [ev.AlarmRaised(kind=AlarmKind.DISK, message=f"alarm {n}") for n in range(53)]
    session = play(began(), *alarms)
    assert len(session.alarms) == 50
    assert (session.alarms[0].message, session.alarms[-1].message) == ("alarm 3", "alarm 52")


def test_waiting_for_the_agent_ends_with_its_next_proposal() -> None:
    wait = ev.AgentWaited(reason="rate limit", until=at(100), tries=3)
    session = play(began(), wait)
    assert session.waiting is not None
    assert (session.waiting.reason, session.waiting.tries) == ("rate limit", 3)
    assert session.seconds_to_wait(at(40)) == 60.0
    assert session.seconds_to_wait(at(100)) == 0.0
    assert session.seconds_to_wait(at(500)) == 0.0
    proposed = play(drafted(1), session=session)
    assert proposed.waiting is None
    assert proposed.seconds_to_wait(at(40)) == 0.0
    queued = ev.ProposalQueued(
        queued=1,
        after=0,
        base="base",
        proposal=ev.Proposal(patch_id="q", hypothesis="h"),
        patch="p",
    )
    assert play(queued, session=session).waiting is None


def test_waiting_for_an_answer_ends_with_any_other_event() -> None:
    session = play(
        began(), ev.AgentWaited(reason="all in question", until=at(100), for_answer=True)
    )
    assert session.seconds_to_wait(at(40)) == 60.0
    told = play(ev.NoteAdded(note=1, text="a note", by=Actor.SCREEN), session=session)
    assert told.seconds_to_wait(at(40)) == 0.0


# ---- experiments


def test_a_queued_proposal_becomes_the_experiment_with_all_that_was_decided_about_it() -> None:
    session = play(
        began(),
        *finished(1, 9.0, Verdict.KEEP),
        ev.ProposalQueued(
            queued=1,
            after=1,
            base="c1",
            proposal=ev.Proposal(patch_id="q1", hypothesis="h"),
            patch="p",
            origin=Origin.PIN,
            pin=3,
            of=1,
            prompt_key="key",
        ),
        ev.ProposalParked(queued=1, reason="late"),
        ev.ProposalQueued(
            queued=2,
            after=1,
            base="c1",
            proposal=ev.Proposal(patch_id="q2", hypothesis="h2"),
            patch="p2",
        ),
    )
    (parked,) = session.parked
    session = play(
        drafted(
            2,
            base="c1",
            proposal=parked.proposal,
            queued=1,
            origin=Origin.PIN,
            pin=3,
            of=1,
            prompt_key="key",
        ),
        session=session,
    )
    experiment = session.experiment(2)
    assert [d.kind for d in experiment.decisions] == [DecisionKind.PARKED]
    assert (experiment.origin, experiment.pin, experiment.of) == (Origin.PIN, 3, 1)
    assert (experiment.prompt_key, experiment.base, experiment.against) == ("key", "c1", 1)
    assert experiment.proposal.patch_id == "q1"
    assert [q.number for q in session.queue] == [2]
    assert (session.latest_patch, session.latest_reasoning) == ("diff 2", "because 2")
    assert session.current is experiment


def test_an_experiment_that_was_never_queued_leaves_the_queue_alone() -> None:
    queued = ev.ProposalQueued(
        queued=1,
        after=0,
        base="base",
        proposal=ev.Proposal(patch_id="q", hypothesis="h"),
        patch="p",
    )
    session = play(began(), queued, drafted(1))
    assert [q.number for q in session.queue] == [1]
    assert session.experiment(1).decisions == ()


def test_a_revision_replaces_the_edit_and_forgets_its_commit() -> None:
    session = play(
        began(),
        drafted(1, prompt_key="first"),
        ev.CandidateCommitted(experiment=1, commit="c1", ref="r/1"),
    )
    assert session.experiment(1).commit == "c1"
    assert session.experiment(1).ref == "r/1"
    revised = ev.ProposalRevised(
        experiment=1,
        reason="crash",
        proposal=ev.Proposal(patch_id="fixed", hypothesis="try 1"),
        patch="fixed diff",
        reasoning="a typo",
    )
    early = play(revised, session=session)
    assert early.experiment(1).revised_after == 0
    session = play(
        started(1), ev.RunEnded(experiment=1, run=1, outcome=Outcome.CODE_CRASH), session=session
    )
    session = play(revised, session=session)
    experiment = session.experiment(1)
    assert (experiment.commit, experiment.revised_after) == ("", 1)
    assert (experiment.proposal.patch_id, experiment.prompt_key) == ("fixed", "first")
    assert session.latest_patch == "fixed diff"
    assert session.latest_reasoning == "because 1\n\na typo"
    again = play(replace(revised, prompt_key="second"), session=session)
    assert again.experiment(1).prompt_key == "second"


def test_a_run_keeps_how_it_began_and_how_it_ended() -> None:
    session = play(began(), drafted(1), started(1, directory="e/1", slot=2))
    run = session.running
    assert run is not None
    assert (run.directory, run.slot, run.deadline_seconds, run.started_at) == ("e/1", 2, 9.0, at(3))
    assert session.state is SessionState.RUNNING
    session = play(
        ev.RunEnded(
            experiment=1,
            run=1,
            outcome=Outcome.CODE_CRASH,
            detail="TypeError",
            todo="fix",
            exit_code=1,
            signal=6,
            seconds=4.0,
            peak_rss_bytes=12,
        ),
        session=session,
    )
    ended = session.experiment(1).run
    assert ended is not None
    assert session.running is None
    assert (ended.ended_at, ended.outcome, ended.detail, ended.todo) == (
        at(4),
        Outcome.CODE_CRASH,
        "TypeError",
        "fix",
    )
    assert (ended.exit_code, ended.signal, ended.seconds, ended.peak_rss_bytes) == (1, 6, 4.0, 12)
    assert session.experiment(1).outcome is Outcome.CODE_CRASH


def test_a_second_run_leaves_the_first_as_it_was() -> None:
    session = play(
        began(),
        drafted(1),
        started(1),
        ev.RunEnded(experiment=1, run=1, outcome=Outcome.HANG),
        started(1, run=2),
        ev.RunAdopted(experiment=1, run=2),
        ev.RunAdopted(experiment=1, run=2),
        ev.RunProgressed(experiment=1, run=2, share=0.25, loss=3.5),
    )
    first, second = session.experiment(1).runs
    assert (first.outcome, first.adopted, first.curve) == (Outcome.HANG, 0, ())
    assert (second.number, second.adopted, second.outcome) == (2, 2, None)
    assert second.curve == (ev.ProgressPoint(0.25, 3.5),)
    assert session.running == second


def test_killing_a_run_is_not_a_veto_of_its_idea() -> None:
    session = play(began(), drafted(1), started(1))
    kill = ev.KillRequested(by=Actor.SCREEN, experiment=1, run=1)
    killed = play(kill, session=session)
    run = killed.experiment(1).run
    assert run is not None
    assert (run.kill_requested, run.veto) == (True, "")
    assert [d.kind for d in killed.experiment(1).decisions] == [DecisionKind.KILLED]
    assert killed.vetoed == ()
    assert killed.last_steering_seq == 0
    vetoed = play(replace(kill, reason="not this way"), session=session)
    run = vetoed.experiment(1).run
    assert run is not None
    assert (run.kill_requested, run.veto) == (True, "not this way")
    (decision,) = vetoed.experiment(1).decisions
    assert (decision.kind, decision.by, decision.reason, decision.patch_id) == (
        DecisionKind.VETOED,
        Actor.SCREEN,
        "not this way",
        "e1",
    )
    (veto,) = vetoed.vetoed
    assert (veto.reason, veto.patch, veto.proposal.patch_id) == ("not this way", "diff 1", "e1")
    assert vetoed.last_steering_seq == vetoed.seq


def test_a_verdict_is_counted_and_kept_with_its_reason() -> None:
    session = play(
        began(),
        drafted(1),
        started(1),
        ev.RunEnded(experiment=1, run=1, outcome=Outcome.FINISHED),
        ev.Measured(experiment=1, run=1, measurement=ev.Measurement(metric=2.0), doubts=("clock",)),
    )
    assert session.state is SessionState.DECIDING
    assert session.experiment(1).doubts == ("clock",)
    session = play(
        ev.VerdictGiven(
            experiment=1, verdict=Verdict.DISCARD, reason="worse", gain=-1.0, results_bytes=77
        ),
        session=session,
    )
    experiment = session.experiment(1)
    assert (experiment.verdict, experiment.verdict_reason, experiment.gain) == (
        Verdict.DISCARD,
        "worse",
        -1.0,
    )
    assert (experiment.results_bytes, experiment.ended_at) == (77, at(6))
    assert (experiment.row_written, experiment.advanced) == (False, False)
    assert session.counts.discard == session.counts.total == 1
    assert session.current is None


def test_an_imported_row_with_a_word_of_its_own_has_no_verdict_and_counts_as_other() -> None:
    session = play(
        began(), drafted(1), ev.RowWritten(experiment=1, file="results.tsv", status="skipped")
    )
    experiment = session.experiment(1)
    assert (experiment.row_written, experiment.row_status, experiment.verdict) == (
        True,
        "skipped",
        None,
    )
    assert experiment.ended_at == at(3)
    assert (session.counts.other, session.counts.total) == (1, 1)


def test_the_frontier_moves_with_a_keep_and_a_copy_of_its_commit_is_an_alias() -> None:
    session = play(began(), *finished(1, 9.0, Verdict.KEEP), *finished(2, 8.0, Verdict.DISCARD))
    assert (session.frontier, session.incumbent, session.aliases) == ("c1", 1, {})
    assert session.experiment(1).against is None
    moved = play(ev.FrontierAdvanced(experiment=2, commit="copy"), session=session)
    assert (moved.frontier, moved.incumbent) == ("copy", 2)
    assert moved.canonical_commit("copy") == "c2"
    assert (moved.experiment(2).against, moved.experiment(2).advanced) == (1, True)


# ---- what language models cost


def test_a_call_is_charged_to_the_session_and_to_its_experiment() -> None:
    call = ev.CostIncurred(
        experiment=1,
        model="m",
        prompt_tokens=100,
        cached_tokens=40,
        completion_tokens=20,
        reasoning_tokens=5,
        dollars=0.5,
    )
    session = play(began(), call)
    assert session.spending == session.drafting
    spent = session.spending
    assert (spent.calls, spent.prompt_tokens, spent.cached_tokens) == (1, 100, 40)
    assert (spent.completion_tokens, spent.reasoning_tokens, spent.tokens) == (20, 5, 120)
    assert (spent.dollars, spent.unpriced) == (0.5, 0)
    # The draft's cost goes with the experiment that comes of it.
    session = play(drafted(1), session=session)
    assert session.experiment(1).spending == spent
    assert session.drafting.calls == 0
    # A repair is charged to the same experiment; a call about the session to no experiment.
    session = play(call, replace(call, experiment=0, dollars=None), session=session)
    assert session.experiment(1).spending.calls == 2
    assert session.experiment(1).spending.dollars == 1.0
    assert (session.spending.calls, session.spending.unpriced) == (3, 1)
    assert session.spending.dollars == 1.0
    assert session.drafting.calls == 0


# ---- questions


def test_values_are_unknown_before_the_baseline_is_measured() -> None:
    session = play(began(), drafted(1))
    assert session.baseline is session.best is None
    assert session.best_metric is session.total_gain is None
    assert session.state is SessionState.STARTING


@pytest.mark.parametrize(("direction", "gain"), [(Direction.MIN, 2.0), (Direction.MAX, -2.0)])
def test_the_total_gain_is_from_the_baseline_to_the_best(direction: Direction, gain: float) -> None:
    session = play(
        began(direction=direction),
        *finished(1, 9.0, Verdict.KEEP),
        *finished(2, 7.0, Verdict.KEEP),
        *finished(3, 8.0, Verdict.DISCARD),
    )
    assert session.direction is direction
    assert session.best is not None and session.best.number == 2
    assert session.best_metric == 7.0
    assert session.total_gain == gain
    assert session.baseline is not None and session.baseline.number == 1
    assert session.best.outcome is Outcome.FINISHED
    assert session.baseline.is_baseline
    assert not session.best.is_baseline


@pytest.mark.parametrize(
    ("limit", "done", "used_up"), [(None, 2, False), (3, 2, False), (2, 2, True), (1, 2, True)]
)
def test_a_session_is_used_up_once_its_limit_is_reached(
    limit: int | None, done: int, used_up: bool
) -> None:
    events = [e for n in range(1, done + 1) for e in finished(n, 9.0, Verdict.DISCARD)]
    assert play(began(max_experiments=limit), *events).is_used_up is used_up


@pytest.mark.parametrize("number", [-1, 0, 3])
def test_an_experiment_that_does_not_exist_is_a_key_error(number: int) -> None:
    session = play(began(), drafted(1), drafted(2))
    with pytest.raises(KeyError):
        session.experiment(number)
    assert session.experiment(1).number == 1
    assert session.experiment(2).number == 2


# ---- events that contradict each other


def progressed(experiment: int, run: int, share: float = 0.5) -> ev.RunProgressed:
    return ev.RunProgressed(experiment=experiment, run=run, share=share, loss=3.0)


LOST = [
    ev.RowWritten(experiment=9, file="results.tsv"),
    ev.RunAdopted(experiment=1, run=9),
    ev.PinMoved(pin=9, place=0, by=Actor.SCREEN),
    progressed(9, 1),
]


@pytest.mark.parametrize("event", LOST)
def test_an_event_about_something_unknown_is_an_error_unless_the_fold_is_tolerant(
    event: ev.AnyEvent,
) -> None:
    events: list[Any] = [began(), drafted(1), started(1), event, progressed(1, 1)]
    with pytest.raises(CONTRADICTIONS):
        fold(events)
    tolerated = fold(events, tolerant=True)
    assert tolerated == fold([e for e in events if e is not event])


def test_points_of_a_curve_are_folded_together_as_one_by_one() -> None:
    events: list[Any] = [
        began(),
        drafted(1),
        started(1),
        progressed(1, 1, 0.1),
        progressed(1, 1, 0.2),
        ev.RunEnded(experiment=1, run=1, outcome=Outcome.HANG),
        started(1, run=2),
        progressed(1, 2, 0.3),
        progressed(1, 1, 0.4),
    ]
    events = [replace(e, seq=n, at=at(n)) for n, e in enumerate(events, start=1)]
    one_by_one = Session()
    for event in events:
        one_by_one = apply(one_by_one, event)
    whole = fold(events)
    assert whole == one_by_one
    first, second = whole.experiment(1).runs
    assert [point.share for point in first.curve] == [0.1, 0.2, 0.4]
    assert [point.share for point in second.curve] == [0.3]


def test_a_point_of_an_unknown_run_is_left_out() -> None:
    known: list[Any] = [began(), drafted(1), started(1), progressed(1, 1)]
    whole = fold([*known, replace(progressed(1, 7), seq=5, at=at(5))])
    (run,) = whole.experiment(1).runs
    assert len(run.curve) == 1
    assert whole.seq == 5
    assert fold([*known, progressed(1, 7)], tolerant=True) == fold(known)
