"""What a record says before anything else is known of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine.core import events as ev
from engine.core import records
from engine.core.enums import Actor, QueueState, SessionState, Verdict
from engine.core.session import Session

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PROPOSAL = ev.Proposal(patch_id="p", hypothesis="h")
SPENT_NOTHING = {
    "calls": 0,
    "prompt_tokens": 0,
    "cached_tokens": 0,
    "completion_tokens": 0,
    "reasoning_tokens": 0,
    "dollars": 0.0,
    "unpriced": 0,
}
CANDIDATE = {
    "queued": 0,
    "origin": "agent",
    "pin": 0,
    "of": 0,
    "forced": None,
    "findings": [],
    "prompt_key": "",
    "rebased": False,
}

FRESH: list[tuple[msgspec.Struct, dict[str, Any]]] = [
    (
        records.Run(number=1, slot=0, directory="d", deadline_seconds=9.0, started_at=NOW),
        {
            "ended_at": None,
            "outcome": None,
            "detail": "",
            "todo": "",
            "exit_code": None,
            "signal": None,
            "seconds": 0.0,
            "peak_rss_bytes": 0,
            "adopted": 0,
            "curve": [],
            "kill_requested": False,
            "veto": "",
        },
    ),
    (records.Spending(), SPENT_NOTHING),
    (
        records.Pin(number=1, text="x", by=Actor.SCREEN, at=NOW),
        {"experiment": 0, "removed": ""},
    ),
    (
        records.ProgramVersion(key="k", at=NOW, experiment=1),
        {"commit": "", "added": 0, "removed": 0},
    ),
    (
        records.Experiment(number=1, drafted_at=NOW, base="b", proposal=PROPOSAL),
        {
            **CANDIDATE,
            "commit": "",
            "ref": "",
            "runs": [],
            "measurement": None,
            "doubts": [],
            "verdict": None,
            "verdict_reason": "",
            "gain": None,
            "results_bytes": 0,
            "row_written": False,
            "row_status": "",
            "revised_after": 0,
            "ended_at": None,
            "decisions": [],
            "against": None,
            "advanced": False,
            "overruled": None,
            "spending": SPENT_NOTHING,
        },
    ),
    (
        records.Queued(base="b", proposal=PROPOSAL, patch="x", after=0, at=NOW),
        {
            **CANDIDATE,
            "reasoning": "",
            "basis": "",
            "state": "ready",
            "why": "",
            "until": None,
            "approved": "",
            "decisions": [],
        },
    ),
    (records.Pause(at=NOW, by=Actor.ENGINE, reason="r"), {"todo": ""}),
    (records.VerdictCounts(), {"keep": 0, "discard": 0, "crash": 0, "other": 0}),
]


@pytest.mark.parametrize(("record", "expected"), FRESH, ids=lambda x: type(x).__name__)
def test_a_fresh_record_claims_nothing(record: msgspec.Struct, expected: dict[str, Any]) -> None:
    fields = msgspec.to_builtins(record)
    assert {name: _listed(fields[name]) for name in expected} == expected


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def test_a_session_before_its_first_event() -> None:
    session = Session()
    assert (session.seq, session.at, session.engine_starts) == (0, ev.EPOCH, 0)
    assert session.state is SessionState.STARTING
    assert session.autonomy is session.config.autonomy
    assert (session.frontier, session.incumbent, session.ended, session.pause) == (
        "",
        None,
        None,
        None,
    )
    assert (session.queued_ever, session.banned_ever, session.noted_ever) == (0, 0, 0)
    assert session.last_steering_seq == 0
    assert session.counts.total == 0
    assert session.results_file == "results.tsv"
    assert len(session.experiments) == 0


def test_counts_add_up_every_kind_of_row() -> None:
    counts = records.VerdictCounts(keep=1, discard=20, crash=300, other=4000)
    assert counts.total == 4321


def test_tokens_are_those_of_prompts_and_answers() -> None:
    spent = records.Spending(prompt_tokens=10, cached_tokens=5, completion_tokens=3)
    assert spent.tokens == 13


def test_the_users_verdict_replaces_the_rules() -> None:
    record = records.Experiment(
        number=2, drafted_at=NOW, base="b", proposal=PROPOSAL, verdict=Verdict.DISCARD
    )
    assert record.effective_verdict is Verdict.DISCARD
    overruled = msgspec.structs.replace(record, overruled=Verdict.KEEP)
    assert overruled.effective_verdict is Verdict.KEEP
    assert not record.is_baseline
    assert (record.run, record.outcome) == (None, None)


@pytest.mark.parametrize(
    ("facts", "waits"),
    [({}, True), ({"experiment": 3}, False), ({"removed": "taken back"}, False)],
)
def test_a_pin_waits_until_it_is_tried_or_removed(facts: dict[str, Any], waits: bool) -> None:
    pin = records.Pin(**{"number": 1, "text": "x", "by": Actor.SCREEN, "at": NOW, **facts})
    assert pin.waits is waits


def test_a_queued_proposal_is_ready_unless_something_is_asked() -> None:
    queued = records.Queued(base="b", proposal=PROPOSAL, patch="x", after=0, at=NOW, queued=7)
    assert (queued.number, queued.state) == (7, QueueState.READY)
