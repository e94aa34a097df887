"""Search health and leaderboard of a session."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import events as ev
from engine.core.analysis.health import LOOKED_BACK, RECENT, STRETCHES, search_health
from engine.core.analysis.leaderboard import leaderboard
from engine.core.enums import CATEGORIES, Origin, Verdict
from engine.core.reducer import fold
from engine.core.session import Session
from tests.core.session_events import run_started

KEEP, DISCARD, CRASH = Verdict.KEEP, Verdict.DISCARD, Verdict.CRASH


def experiment(
    number: int,
    verdict: Verdict,
    value: float | None = None,
    *,
    gain: float | None = None,
    hypothesis: str = "",
    category: str = "schedule",
    commit: str = "",
    **more: object,
) -> list[ev.AnyEvent]:
    """Return the events of one complete experiment."""
    proposal = ev.Proposal(
        patch_id=f"p{number}", hypothesis=hypothesis or f"idea {number}", category=category
    )
    events: list[ev.AnyEvent] = [
        ev.ProposalDrafted(experiment=number, base="0" * 40, proposal=proposal, patch="", **more),  # type: ignore[arg-type]
        ev.CandidateCommitted(experiment=number, commit=commit or f"{number:040x}", ref=""),
    ]
    if value is not None:
        measured = ev.Measurement(metric=value)
        started = run_started(number)
        events += [started, ev.Measured(experiment=number, run=1, measurement=measured)]
    events.append(ev.VerdictGiven(experiment=number, verdict=verdict, reason="", gain=gain))
    return events


def session(*experiments: list[ev.AnyEvent]) -> Session:
    return fold([event for each in experiments for event in each])


BASELINE = experiment(1, KEEP, 1.0, hypothesis="baseline", category="baseline")


def test_a_session_without_experiments_has_no_figures() -> None:
    assert search_health(Session()).tried == 0
    assert search_health(session(BASELINE)).stretches == ()


def test_every_figure_of_a_session_without_experiments_is_zero_or_empty() -> None:
    for name, value in msgspec.structs.asdict(search_health(Session())).items():
        assert value in (0, (), ""), name


def test_keeps_dry_spells_and_categories() -> None:
    health = search_health(
        session(
            BASELINE,
            experiment(2, DISCARD, 1.1, gain=-0.1, category="data"),
            experiment(3, KEEP, 0.9, gain=0.1, category="data"),
            *(experiment(n, DISCARD, 1.2, gain=-0.3) for n in range(4, 8)),
            experiment(8, KEEP, 0.8, gain=0.1),
            experiment(9, CRASH),
        )
    )
    assert (health.tried, health.kept, health.crashed) == (8, 2, 1)
    assert (health.since_keep, health.last_keep) == (1, 8)
    assert (health.longest, health.longest_end) == (4, 7)
    named = {c.name: (c.tried, c.kept, c.crashed, c.last) for c in health.covered}
    assert named["data"] == (2, 1, 0, 3)
    assert named["schedule"] == (6, 1, 1, 9)
    never = {c.name for c in health.covered if not c.tried}
    assert never == set(CATEGORIES) - {"data", "schedule", "other"}
    (only,) = health.stretches
    assert only.verdicts == (DISCARD, KEEP, *[DISCARD] * 4, KEEP, CRASH)
    assert math.isclose(only.gained, 0.2)


def test_repeats_are_not_counted() -> None:
    again = experiment(2, KEEP, 0.99, gain=0.01, commit=f"{1:040x}", origin=Origin.CONFIRM, of=1)
    health = search_health(session(BASELINE, again, experiment(3, DISCARD, 1.1)))
    assert health.tried == 1
    assert health.stretches[0].first == 3


@pytest.mark.parametrize(
    ("hypotheses", "new"),
    [
        (["a longer warmdown schedule", "a shorter warmdown schedule"], 1),
        (["a longer warmdown schedule", "grouped query attention"], 2),
        (["WARMDOWN_RATIO 0.5 → 0.7", "WARMDOWN_RATIO 0.7 → 0.9"], 1),
        (["!!!", "???"], 0),
    ],
)
def test_what_is_new_shares_few_words_with_any_before(hypotheses: list[str], new: int) -> None:
    tried = [experiment(n, DISCARD, 1.1, hypothesis=h) for n, h in enumerate(hypotheses, start=2)]
    assert search_health(session(BASELINE, *tried)).new == new


def test_a_repeated_edit_is_counted() -> None:
    def edit(number: int, key: str) -> list[ev.AnyEvent]:
        first, *rest = experiment(number, DISCARD, 1.1)
        assert isinstance(first, ev.ProposalDrafted)
        proposal = ev.Proposal(patch_id="x", hypothesis="y", source_key=key)
        return [
            ev.ProposalDrafted(experiment=number, base="", proposal=proposal, patch=""),
            *rest,
        ]

    assert search_health(session(BASELINE, edit(2, "a"), edit(3, "b"), edit(4, "a"))).repeated == 1


@given(st.lists(st.sampled_from(list(Verdict)), max_size=400))
def test_stretches_are_all_experiments_in_order(verdicts: list[Verdict]) -> None:
    tried = [experiment(n, v, 1.0) for n, v in enumerate(verdicts, start=2)]
    health = search_health(session(BASELINE, *tried))
    assert [v for stretch in health.stretches for v in stretch.verdicts] == verdicts
    assert len(health.stretches) <= STRETCHES
    assert sum(s.kept for s in health.stretches) == health.kept
    assert health.judged <= LOOKED_BACK
    assert health.recent <= min(RECENT, health.judged)
    assert health.since_keep <= health.longest
    assert sum(c.tried for c in health.covered) == health.tried


# ---- the leaderboard -----------------------------------------------------------------------------


def test_the_best_is_first_and_repeats_count_more() -> None:
    board = leaderboard(
        session(
            BASELINE,
            experiment(2, KEEP, 0.90),
            experiment(3, KEEP, 0.80),
            # The lucky one, run again: what is believed is the fresh value.
            experiment(4, DISCARD, 0.95, commit=f"{3:040x}", origin=Origin.CONFIRM, of=3),
            experiment(5, CRASH, 0.0),
        )
    )
    assert [(p.rank, p.number, p.value, p.runs) for p in board.places] == [
        (1, 2, 0.90, 1),
        (2, 3, 0.95, 1),
        (3, 1, 1.0, 1),
    ]
    assert board.unplaced == 1
    assert board.noise is None and board.places[0].sigmas is None  # one repeat is not enough
    assert math.isclose(board.places[0].gain or 0, 0.1)


def test_a_doubted_value_is_not_on_the_leaderboard() -> None:
    doubted = experiment(2, DISCARD)
    measured = ev.Measurement(metric=0.1)
    doubted.insert(2, ev.Measured(experiment=2, run=1, measurement=measured, doubts=("too fast",)))
    board = leaderboard(session(BASELINE, doubted))
    assert [p.number for p in board.places] == [1]
    assert board.unplaced == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Verdict)), st.none() | st.floats(allow_nan=True, width=32)),
        max_size=30,
    )
)
def test_every_credible_value_has_one_place(rows: list[tuple[Verdict, float | None]]) -> None:
    tried = [experiment(n, v, x) for n, (v, x) in enumerate(rows, start=1)]
    board = leaderboard(session(*tried))
    assert [p.rank for p in board.places] == list(range(1, len(board.places) + 1))
    assert len(board.places) + board.unplaced == len(rows)
    values = [p.value for p in board.places]
    assert values == sorted(values)


def row(number: int, status: str, value: float, commit: str = "abc1234") -> list[ev.AnyEvent]:
    """Return the events of a table's row that names the commit it started from."""
    proposal = ev.Proposal(patch_id="", hypothesis=f"idea {number}")
    measured = ev.Measurement(metric=value)
    made: list[ev.AnyEvent] = [
        ev.ProposalDrafted(experiment=number, base="", proposal=proposal, patch=""),
        ev.CandidateCommitted(experiment=number, commit=commit, ref=""),
        ev.Measured(experiment=number, run=1, measurement=measured),
    ]
    if status in list(Verdict):
        made.append(ev.VerdictGiven(experiment=number, verdict=Verdict(status), reason=""))
        made.append(ev.RowWritten(experiment=number, file="x"))
    else:
        made.append(ev.RowWritten(experiment=number, file="x", status=status))
    if status == "keep":
        made.append(ev.FrontierAdvanced(experiment=number, commit=commit))
    return made


def test_each_row_of_a_table_has_its_place_and_placeholders_have_none() -> None:
    table = session(
        row(1, "keep", 1.0),
        row(2, "discard", 1.1),
        row(3, "skip", 0.0),
        row(4, "discard", 0.0),
        row(5, "keep", 0.9),
        row(6, "crash", 0.0),
        row(7, "done", 0.95),
    )
    board = leaderboard(table, rows=True)
    assert [p.number for p in board.places] == [5, 7, 1, 2]
    assert board.noise is None and board.unplaced == 3
    assert board.places[0].gain == pytest.approx(0.1)


def test_a_confirmation_of_a_doubted_run_has_its_number() -> None:
    doubted = experiment(2, DISCARD)
    measured = ev.Measurement(metric=0.1)
    doubted.insert(2, ev.Measured(experiment=2, run=1, measurement=measured, doubts=("too fast",)))
    again = experiment(3, DISCARD, 0.9, commit=f"{2:040x}", origin=Origin.CONFIRM, of=2)
    board = leaderboard(session(BASELINE, doubted, again))
    assert [(p.number, p.value) for p in board.places] == [(2, 0.9), (1, 1.0)]
