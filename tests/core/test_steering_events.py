"""What steering makes of a session: reviews, pins, bans, notes, program versions, overrules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import (
    Actor,
    Autonomy,
    DecisionKind,
    Origin,
    Outcome,
    QueueState,
    ReviewAnswer,
    SessionState,
    Verdict,
)
from engine.core.reducer import apply, fold
from engine.core.session import MAX_ASKED, MAX_HELD_IN_A_ROW, Session

START = datetime(2026, 11, 21, tzinfo=UTC)
LATER = datetime(2026, 11, 22, tzinfo=UTC)


def play(*events: Any, session: Session | None = None) -> Session:
    """Fold events, numbered and dated one second apart as a journal would."""
    session = Session() if session is None else session
    for event in events:
        seq = session.seq + 1
        session = apply(session, replace(event, seq=seq, at=START + timedelta(seconds=seq)))
    return session


def queued(number: int, **fields: Any) -> ev.ProposalQueued:
    return ev.ProposalQueued(
        **{
            "queued": number,
            "after": 0,
            "base": "base",
            "proposal": ev.Proposal(patch_id=f"id{number}", hypothesis=f"idea {number}"),
            "patch": f"patch {number}",
            **fields,
        }
    )


def finished(number: int, verdict: Verdict, *, base: str = "base", **fields: Any) -> list[Any]:
    """Return the events of an experiment up to its row, and its move of the frontier."""
    events: list[Any] = [
        ev.ProposalDrafted(
            **{
                "experiment": number,
                "base": base,
                "proposal": ev.Proposal(patch_id=f"e{number}", hypothesis=f"try {number}"),
                "patch": f"diff {number}",
                **fields,
            }
        ),
        ev.CandidateCommitted(experiment=number, commit=f"c{number}", ref=f"r/{number}"),
        ev.RunStarted(
            experiment=number, run=1, slot=0, command="x", directory="d", deadline_seconds=9
        ),
        ev.RunEnded(experiment=number, run=1, outcome=Outcome.FINISHED),
        ev.Measured(experiment=number, run=1, measurement=ev.Measurement(metric=10.0 - number)),
        ev.VerdictGiven(experiment=number, verdict=verdict, reason="", gain=1.0),
        ev.RowWritten(experiment=number, file="results.tsv"),
    ]
    if verdict is Verdict.KEEP:
        events.append(ev.FrontierAdvanced(experiment=number, commit=f"c{number}"))
    return events


BEGAN = ev.SessionStarted(
    version="1",
    workspace="/w",
    branch="autoresearch/t",
    base_commit="base",
    config=ResearchConfig(tag="t"),
    results_file="results.tsv",
)


# ---- reviews


def test_a_proposal_with_a_reason_to_ask_is_asked_about_from_the_start() -> None:
    session = play(queued(1, why="touches the metric"), queued(2))
    assert [q.number for q in session.asked] == [1]
    assert [q.number for q in session.ready] == [2]
    assert session.queued_ever == 2


def test_a_review_request_records_the_policy_and_the_time_limit() -> None:
    session = play(
        queued(1), ev.ReviewRequested(queued=1, patch_id="id1", why="risky", until=LATER)
    )
    (asked,) = session.asked
    assert (asked.why, asked.until, asked.approved) == ("risky", LATER, "")
    (decision,) = asked.decisions
    assert (decision.kind, decision.by, decision.reason, decision.patch_id) == (
        DecisionKind.ASKED,
        Actor.POLICY,
        "risky",
        "id1",
    )


def test_an_approval_is_for_one_patch_and_makes_it_ready() -> None:
    session = play(
        queued(1, why="risky"),
        queued(2),
        ev.ReviewRequested(queued=1, patch_id="id1", why="risky", until=LATER),
        ev.ReviewDecided(
            queued=1,
            patch_id="id1",
            decision=ReviewAnswer.APPROVE,
            by=Actor.SCREEN,
            reason="go",
        ),
    )
    assert session.asked == ()
    # An approved proposal runs before one that was made ahead.
    first, second = session.ready
    assert (first.number, first.approved, first.until) == (1, "id1", None)
    assert second.number == 2
    decision = first.decisions[-1]
    assert (decision.kind, decision.by, decision.reason) == (
        DecisionKind.APPROVED,
        Actor.SCREEN,
        "go",
    )


def test_a_veto_removes_the_proposal_keeps_its_reason_and_reaches_the_agent() -> None:
    session = play(
        queued(1),
        queued(2),
        ev.ReviewDecided(
            queued=1, patch_id="id1", decision=ReviewAnswer.VETO, by=Actor.SCREEN, reason="no"
        ),
    )
    assert [q.number for q in session.queue] == [2]
    (vetoed,) = session.vetoed
    assert (vetoed.reason, vetoed.by, vetoed.patch) == ("no", Actor.SCREEN, "patch 1")
    assert vetoed.proposal.hypothesis == "idea 1"
    assert session.last_steering_seq == session.seq


def test_a_veto_of_a_pins_edit_ends_that_pin_and_no_other() -> None:
    session = play(
        ev.HypothesisPinned(pin=1, text="first", by=Actor.SCREEN),
        ev.HypothesisPinned(pin=2, text="second", by=Actor.SCREEN),
        queued(1, pin=2, origin=Origin.PIN),
        ev.ReviewDecided(
            queued=1, patch_id="id1", decision=ReviewAnswer.VETO, by=Actor.SCREEN, reason="no"
        ),
    )
    assert [pin.number for pin in session.waiting_pins] == [1]
    assert "no" in session.pins[1].removed


def test_only_the_newest_vetoes_are_kept() -> None:
    events: list[Any] = []
    for n in range(1, 104):
        veto = ev.ReviewDecided(
            queued=n,
            patch_id=f"id{n}",
            decision=ReviewAnswer.VETO,
            by=Actor.SCREEN,
            reason=f"no {n}",
        )
        events += [queued(n), veto]
    session = play(*events)
    assert len(session.vetoed) == 100
    assert session.vetoed[0].reason == "no 4"
    assert session.vetoed[-1].reason == "no 103"


def test_a_proposal_that_is_not_answered_in_time_is_parked_and_stays_in_the_queue() -> None:
    session = play(
        queued(1, why="risky"),
        ev.ReviewRequested(queued=1, patch_id="id1", why="risky", until=LATER),
        ev.ProposalParked(queued=1, reason="no answer"),
    )
    (parked,) = session.parked
    assert parked.until is None
    decision = parked.decisions[-1]
    assert (decision.kind, decision.by, decision.reason) == (
        DecisionKind.PARKED,
        Actor.TIMEOUT,
        "no answer",
    )
    assert session.asked == session.ready == ()


def test_an_edit_replaces_the_patch_and_takes_back_an_approval() -> None:
    session = play(
        queued(1),
        ev.ReviewDecided(queued=1, patch_id="id1", decision=ReviewAnswer.APPROVE, by=Actor.SCREEN),
        ev.ProposalEdited(
            queued=1,
            by=Actor.SCREEN,
            base="newer",
            proposal=ev.Proposal(patch_id="other", hypothesis="mine"),
            patch="my patch",
        ),
    )
    (asked,) = session.asked
    assert (asked.approved, asked.until) == ("", None)
    assert (asked.base, asked.patch, asked.proposal.patch_id) == ("newer", "my patch", "other")
    decision = asked.decisions[-1]
    assert (decision.kind, decision.by, decision.patch_id) == (
        DecisionKind.EDITED,
        Actor.SCREEN,
        "other",
    )
    assert session.waiting_patch("other") is asked
    assert session.waiting_patch("id1") is None


@pytest.mark.parametrize(
    "event",
    [
        ev.ReviewRequested(queued=9, patch_id="x", why="w", until=LATER),
        ev.ReviewDecided(queued=9, patch_id="x", decision=ReviewAnswer.APPROVE, by=Actor.SCREEN),
        ev.ReviewDecided(queued=9, patch_id="x", decision=ReviewAnswer.VETO, by=Actor.SCREEN),
        ev.ProposalParked(queued=9, reason="r"),
        ev.ProposalEdited(
            queued=9,
            by=Actor.SCREEN,
            base="b",
            proposal=ev.Proposal(patch_id="x", hypothesis="h"),
            patch="p",
        ),
        ev.ProposalDropped(queued=9, reason="r"),
    ],
)
def test_an_event_about_a_proposal_that_left_the_queue_changes_nothing_else(event: Any) -> None:
    before = play(queued(1))
    after = play(event, session=before)
    assert after == replace(before, seq=after.seq, at=after.at)
    assert after.seq == before.seq + 1


def test_an_answer_touches_only_the_proposal_it_names() -> None:
    before = play(queued(1), queued(2), queued(3))
    after = play(ev.ProposalParked(queued=2, reason="late"), session=before)
    assert [q.state for q in after.queue] == [QueueState.READY, QueueState.PARKED, QueueState.READY]
    assert [q.number for q in after.queue] == [1, 2, 3]
    assert after.queue[0] is before.queue[0]


def test_a_dropped_proposal_is_remembered_with_its_reason_up_to_twenty() -> None:
    events: list[Any] = []
    for n in range(1, 24):
        events += [queued(n), ev.ProposalDropped(queued=n, reason=f"stale {n}")]
    session = play(*events)
    assert session.queue == ()
    assert len(session.dropped) == 20
    assert (session.dropped[0].hypothesis, session.dropped[-1].reason) == ("idea 4", "stale 23")


# ---- what the agent is told


def test_pins_wait_in_the_order_the_user_gives_them() -> None:
    session = play(
        *(ev.HypothesisPinned(pin=n, text=f"pin {n}", by=Actor.SCREEN) for n in (1, 2, 3, 4)),
        ev.PinRemoved(pin=2, by=Actor.SCREEN, reason="tried before"),
    )
    moved = play(ev.PinMoved(pin=4, place=0, by=Actor.SCREEN), session=session)
    assert [pin.number for pin in moved.waiting_pins] == [4, 1, 3]
    moved = play(ev.PinMoved(pin=4, place=1, by=Actor.SCREEN), session=moved)
    assert [pin.number for pin in moved.waiting_pins] == [1, 4, 3]
    # Those that no longer wait stand before the others, and none is lost.
    assert [pin.number for pin in moved.pins] == [2, 1, 4, 3]
    assert moved.pins[0].removed == "tried before"
    assert moved.last_steering_seq == moved.seq


def test_a_pin_can_be_reworded_and_removed() -> None:
    session = play(
        ev.HypothesisPinned(pin=1, text="one", by=Actor.SCREEN),
        ev.HypothesisPinned(pin=2, text="two", by=Actor.COMMAND_LINE),
        ev.PinEdited(pin=2, text="two, with warm-up", by=Actor.SCREEN),
    )
    assert [pin.text for pin in session.pins] == ["one", "two, with warm-up"]
    assert session.pins[1].by is Actor.COMMAND_LINE
    assert session.last_steering_seq == 3
    session = play(ev.PinRemoved(pin=2, by=Actor.COMMAND_LINE), session=session)
    assert [pin.number for pin in session.waiting_pins] == [1]
    assert "command line" in session.pins[1].removed
    assert session.last_steering_seq == 4


def test_a_pin_that_became_an_experiment_waits_no_longer() -> None:
    session = play(
        BEGAN,
        ev.HypothesisPinned(pin=1, text="one", by=Actor.SCREEN),
        ev.HypothesisPinned(pin=2, text="two", by=Actor.SCREEN),
        *finished(1, Verdict.KEEP),
        *finished(2, Verdict.DISCARD, pin=2, origin=Origin.PIN),
    )
    assert [(pin.number, pin.experiment) for pin in session.pins] == [(1, 0), (2, 2)]
    assert [pin.number for pin in session.waiting_pins] == [1]


def test_bans_and_notes_are_numbered_through_the_session_and_can_be_taken_back() -> None:
    session = play(
        ev.DirectionBanned(ban=1, text="no dropout", by=Actor.SCREEN),
        ev.DirectionBanned(ban=2, text="no tricks", by=Actor.SCREEN),
        ev.NoteAdded(note=1, text="the GPU is shared", by=Actor.SCREEN),
        ev.NoteAdded(note=2, text="be bold", by=Actor.COMMAND_LINE),
    )
    assert [ban.text for ban in session.bans] == ["no dropout", "no tricks"]
    assert [(note.text, note.by) for note in session.agent_notes] == [
        ("the GPU is shared", Actor.SCREEN),
        ("be bold", Actor.COMMAND_LINE),
    ]
    assert (session.banned_ever, session.noted_ever, session.last_steering_seq) == (2, 2, 4)
    session = play(
        ev.BanLifted(ban=2, by=Actor.SCREEN),
        ev.NoteRemoved(note=1, by=Actor.SCREEN),
        session=session,
    )
    assert [ban.number for ban in session.bans] == [1]
    assert [note.number for note in session.agent_notes] == [2]
    # A number is never given twice.
    assert (session.banned_ever, session.noted_ever, session.last_steering_seq) == (2, 2, 6)


def test_autonomy_set_in_a_session_replaces_the_configs_until_the_config_says_otherwise() -> None:
    session = play(BEGAN)
    assert session.autonomy is session.config.autonomy
    session = play(ev.AutonomySet(autonomy=Autonomy.ASK_ALL, by=Actor.SCREEN), session=session)
    assert session.autonomy is Autonomy.ASK_ALL
    same = play(
        ev.ConfigChanged(config=replace(session.config, max_experiments=9)), session=session
    )
    assert same.autonomy is Autonomy.ASK_ALL
    assert same.config.max_experiments == 9
    other = next(a for a in Autonomy if a is not session.config.autonomy)
    changed = play(
        ev.ConfigChanged(config=replace(session.config, autonomy=other)), session=session
    )
    assert changed.autonomy is other
    assert changed.autonomy_set is None


# ---- program.md


def test_a_program_version_counts_the_lines_it_changes() -> None:
    diff = "--- a\n+++ b\n@@ -1 +1,2 @@\n-old\n+new\n+more\n"
    session = play(BEGAN, ev.ProgramEdited(key="k1", experiment=3, diff=diff))
    (version,) = session.programs
    assert (version.key, version.experiment, version.added, version.removed) == ("k1", 3, 2, 1)
    assert version.commit == ""


def test_a_committed_program_moves_the_frontier_and_leaves_the_editable_file() -> None:
    session = play(
        BEGAN,
        ev.ProgramEdited(key="k1", experiment=1),
        ev.ProgramEdited(key="k2", experiment=2),
        ev.ProgramCommitted(key="k1", commit="p1"),
    )
    assert [version.commit for version in session.programs] == ["p1", ""]
    assert session.frontier == "p1"
    assert session.canonical_commit("p1") == "base"
    assert session.canonical_commit("base") == "base"
    again = play(ev.ProgramCommitted(key="k2", commit="p2"), session=session)
    assert [version.commit for version in again.programs] == ["p1", "p2"]
    assert again.canonical_commit("p2") == "base"


def test_a_question_about_a_program_ends_with_the_answer() -> None:
    asked = ev.ProgramQuestioned(digest="d1", experiment=1, diff="+x")
    session = play(BEGAN, asked)
    assert session.program_question is not None
    assert session.program_question.digest == "d1"
    engine = ev.ProgramQuestionClosed(digest="d1", by=Actor.ENGINE)
    refused = ev.ProgramQuestionClosed(digest="d1", by=Actor.SCREEN)
    accepted = ev.ProgramEdited(key="d", digest="d1", experiment=2, by=Actor.SCREEN)
    for answer, refusal in (engine, ""), (refused, "d1"), (accepted, ""):
        after = play(answer, session=session)
        assert (after.program_question, after.refused_program) == (None, refusal)


def test_a_version_is_recognised_by_its_whole_hash_or_in_old_journals_by_its_key() -> None:
    now, old = play(
        BEGAN,
        ev.ProgramEdited(key="ab", digest="abcd", experiment=1),
        ev.ProgramEdited(key="ab", experiment=1),
    ).programs
    assert (now.has("abcd"), now.has("abce"), old.has("abce"), old.has("bbcd")) == (
        *(True, False, True, False),
    )


def test_a_program_that_needs_no_commit_of_its_own_makes_no_alias() -> None:
    session = play(
        BEGAN, ev.ProgramEdited(key="k", experiment=1), ev.ProgramCommitted(key="k", commit="base")
    )
    assert session.programs[0].commit == "base"
    assert session.aliases == {}


# ---- overrules


@pytest.mark.parametrize(
    ("rule", "user", "counts"),
    [(Verdict.DISCARD, Verdict.KEEP, (2, 0)), (Verdict.KEEP, Verdict.DISCARD, (1, 1))],
)
def test_an_overrule_moves_the_count_and_waits_for_the_branch(
    rule: Verdict, user: Verdict, counts: tuple[int, int]
) -> None:
    session = play(
        BEGAN,
        *finished(1, Verdict.KEEP),
        *finished(2, rule, base="c1"),
        ev.Overruled(experiment=2, verdict=user, by=Actor.SCREEN, reason="I know better"),
    )
    assert (session.counts.keep, session.counts.discard) == counts
    assert session.counts.total == 2
    assert session.pending_overrules == (2,)
    overruled = session.experiment(2)
    assert (overruled.verdict, overruled.overruled, overruled.effective_verdict) == (
        rule,
        user,
        user,
    )
    decision = overruled.decisions[-1]
    assert (decision.kind, decision.verdict, decision.by, decision.reason, decision.patch_id) == (
        DecisionKind.OVERRULED,
        user,
        Actor.SCREEN,
        "I know better",
        "e2",
    )
    assert decision.text == f"overruled: {user}"
    settled = play(ev.OverruleSettled(experiment=2, how="done"), session=session)
    assert settled.pending_overrules == ()


def test_overruling_twice_counts_the_experiment_once() -> None:
    session = play(
        BEGAN,
        *finished(1, Verdict.KEEP),
        *finished(2, Verdict.DISCARD, base="c1"),
        ev.Overruled(experiment=2, verdict=Verdict.KEEP, by=Actor.SCREEN, reason=""),
        ev.OverruleSettled(experiment=2, how=""),
        ev.Overruled(experiment=2, verdict=Verdict.DISCARD, by=Actor.SCREEN, reason=""),
    )
    assert (session.counts.keep, session.counts.discard) == (1, 1)
    assert len(session.experiment(2).decisions) == 2


def test_taking_a_kept_change_back_restores_the_incumbent_and_names_the_same_file() -> None:
    session = play(
        BEGAN,
        *finished(1, Verdict.KEEP),
        *finished(2, Verdict.KEEP, base="c1"),
        ev.FrontierReverted(experiment=2, commit="back", incumbent=1),
    )
    assert (session.frontier, session.incumbent) == ("back", 1)
    assert session.canonical_commit("back") == "c1"
    assert session.best_metric == 9.0


# ---- when so much is asked that the loop waits


def test_asking_about_everything_waits_once_enough_questions_are_open() -> None:
    session = play(
        BEGAN,
        *finished(1, Verdict.KEEP),
        ev.AutonomySet(autonomy=Autonomy.ASK_ALL, by=Actor.SCREEN),
    )
    for n in range(1, MAX_ASKED + 1):
        assert not session.is_full_of_questions
        session = play(queued(n, why="all", after=1), session=session)
    assert session.is_full_of_questions
    assert session.state is SessionState.ASKING
    # A proposal that may run, an overrule, or a pin of the user's gives the loop work.
    assert not play(queued(9), session=session).is_full_of_questions
    pinned = play(ev.HypothesisPinned(pin=1, text="x", by=Actor.SCREEN), session=session)
    assert not pinned.is_full_of_questions
    at_work = play(queued(9, pin=1, why="all", after=1), session=pinned)
    assert at_work.is_full_of_questions
    overruled = play(
        ev.Overruled(experiment=1, verdict=Verdict.DISCARD, by=Actor.SCREEN, reason=""),
        session=session,
    )
    assert not overruled.is_full_of_questions


def test_risky_proposals_in_a_row_make_any_autonomy_wait_and_parked_ones_count() -> None:
    session = play(BEGAN, *finished(1, Verdict.KEEP))
    assert session.autonomy is not Autonomy.ASK_ALL
    for n in range(1, MAX_HELD_IN_A_ROW):
        session = play(queued(n, why="risky", after=1), session=session)
    assert session.consecutive_held == MAX_HELD_IN_A_ROW - 1
    assert not session.is_full_of_questions
    session = play(
        ev.ProposalParked(queued=1, reason="late"),
        queued(MAX_HELD_IN_A_ROW, why="risky", after=1),
        session=session,
    )
    assert session.consecutive_held == MAX_HELD_IN_A_ROW
    assert session.is_full_of_questions
    # An experiment in between starts the count again.
    session = play(*finished(2, Verdict.DISCARD, base="c1"), session=session)
    assert session.consecutive_held == 0
    assert not session.is_full_of_questions


def test_nothing_asked_means_nothing_to_wait_for() -> None:
    session = play(BEGAN, *finished(1, Verdict.KEEP))
    for n in range(1, MAX_HELD_IN_A_ROW + 1):
        session = play(
            queued(n, why="r", after=1), ev.ProposalParked(queued=n, reason="late"), session=session
        )
    assert session.consecutive_held == MAX_HELD_IN_A_ROW
    assert not session.is_full_of_questions


def test_the_order_of_what_runs_next_is_approved_then_the_users_own_then_the_agents() -> None:
    session = play(
        queued(1),
        queued(2, origin=Origin.REVIVE, of=1),
        queued(3),
        ev.ReviewDecided(queued=3, patch_id="id3", decision=ReviewAnswer.APPROVE, by=Actor.SCREEN),
    )
    assert [q.number for q in session.ready] == [3, 2, 1]


# ---- the same through a fold


def test_steering_folds_the_same_whole_and_in_two_parts() -> None:
    events = [
        replace(event, seq=n, at=START + timedelta(seconds=n))
        for n, event in enumerate(
            [
                BEGAN,
                *finished(1, Verdict.KEEP),
                queued(1, why="risky", after=1),
                ev.HypothesisPinned(pin=1, text="x", by=Actor.SCREEN),
                ev.ReviewDecided(
                    queued=1, patch_id="id1", decision=ReviewAnswer.APPROVE, by=Actor.SCREEN
                ),
                ev.Overruled(experiment=1, verdict=Verdict.DISCARD, by=Actor.SCREEN, reason=""),
            ],
            start=1,
        )
    ]
    for cut in range(len(events) + 1):
        assert fold(events[cut:], fold(events[:cut])) == fold(events)
