"""Plateaus are counted and reported, and change the advice to the agent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.core import events as ev
from engine.core.analysis.plateau import current_dry_spell, plateau_advice, plateau_notice
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, Outcome, Verdict
from engine.core.reducer import fold
from engine.core.session import Session
from tests.core.session_events import run_started, session_started

AT = datetime(2026, 11, 1, tzinfo=UTC)


def session(verdicts: str, *, agent: str = "llm", gains: dict[int, float] | None = None) -> Session:
    """A session whose experiments have these verdicts: k, d, c, or x for killed by the user."""
    events: list[ev.AnyEvent] = [session_started(ResearchConfig(agent=agent), at=AT)]
    words = {"k": Verdict.KEEP, "d": Verdict.DISCARD, "c": Verdict.CRASH, "x": Verdict.CRASH}
    for number, letter in enumerate(verdicts, start=1):
        proposal = ev.Proposal(
            patch_id=f"{number:012x}", hypothesis=f"idea {number}", category="optimizer"
        )
        events += [
            ev.ProposalDrafted(
                at=AT, experiment=number, base="0" * 40, proposal=proposal, patch=""
            ),
            run_started(number, at=AT),
        ]
        if letter == "x":
            events.append(ev.KillRequested(at=AT, by=Actor.SCREEN, experiment=number, run=1))
        if letter == "d":
            measurement = ev.Measurement(metric=1.01)
            events.append(ev.Measured(at=AT, experiment=number, run=1, measurement=measurement))
        events += [
            ev.RunEnded(at=AT, experiment=number, run=1, outcome=Outcome.FINISHED),
            ev.VerdictGiven(
                at=AT,
                experiment=number,
                verdict=words[letter],
                reason="",
                gain=(gains or {}).get(number, -0.01) if letter == "d" else None,
            ),
        ]
    return fold(events)


@pytest.mark.parametrize(
    ("verdicts", "spell"),
    [
        ("", 0),
        ("k", 0),
        ("kd", 1),
        ("kdck", 0),
        ("kdc", 1),
        ("kcccccc", 0),
        ("kdxd", 2),
        ("kddkdd", 2),
    ],
)
def test_the_dry_spell_counts_measured_discards_since_the_last_keep(
    verdicts: str, spell: int
) -> None:
    assert current_dry_spell(session(verdicts)) == spell


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ("k" + "d" * 5, ()),
        ("k" + "d" * 6, ("6 experiments", "architecture")),
        ("k" + "d" * 11, ("11 experiments", "architecture")),
        ("k" + "d" * 12, ("12 experiments", "structural")),
        ("k" + "d" * 13, ("13 experiments", "nearest miss was experiment 9 (idea 9")),
        ("k" + "d" * 6 + "k", ()),
        ("k" + "c" * 12, ()),
        ("k" + "dddccc" * 2, ("6 experiments", "architecture")),
        ("kdddddddd" + "c" * 20 + "ddddd", ("13 experiments", "nearest miss was experiment 9")),
    ],
)
def test_the_advice_to_the_agent(verdicts: str, said: tuple[str, ...]) -> None:
    text = plateau_advice(session(verdicts, gains={9: -0.001}))
    assert all(piece in text for piece in said)
    assert bool(text) == bool(said)


@pytest.mark.parametrize(("count", "told"), [(5, False), (6, True), (7, False), (12, True)])
def test_the_user_is_notified_at_each_step(count: int, told: bool) -> None:
    assert bool(plateau_notice(session("k" + "d" * count))) is told
    assert bool(plateau_notice(session("k" + "d" * count, agent="search"))) is told
    assert "the agent is told" not in plateau_notice(session("k" + "d" * count, agent="search"))
