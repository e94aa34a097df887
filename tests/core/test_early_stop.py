"""The rule that finds a run too far behind to recover, and the projection of a run's end."""

from __future__ import annotations

import math

import pytest

from engine.core.curves.comparison import (
    FinishedCurve,
    project,
    spikes,
    stalls,
)
from engine.core.curves.curve import Curve, CurvePoint, Track
from engine.core.curves.early_stop import CHECKS, Evidence, checks_reached

SHARES = [n / 100 for n in range(101)]


def track(end: float, late: float = 0.0, until: float = 1.0) -> Track:
    """A curve that ends at a loss; `late` is how far above it is early, made up by the end."""
    shares = [s for s in SHARES if s <= until]
    return Track(shares, [end + 2 * (1 - s) ** 2 + late * (1 - s) for s in shares])


BEST = track(3.0)


def finished(*ends: tuple[float, float, bool]) -> list[FinishedCurve]:
    return [
        FinishedCurve(number, track(end, late), BEST, kept)
        for number, (end, late, kept) in enumerate(ends, start=2)
    ]


ORDINARY = finished(
    (3.1, 0.02, False),
    (2.98, 0.05, True),
    (3.3, 0.0, False),
    (3.05, -0.02, False),
    (3.2, 0.04, False),
    (2.97, 0.03, True),
    (3.15, 0.01, False),
    (3.12, -0.01, False),
    (3.02, 0.03, False),
)


def test_a_run_far_behind_is_found_and_one_that_may_recover_is_not() -> None:
    evidence = Evidence(ORDINARY)
    lost = evidence.judge(track(4.0, until=0.4), BEST)
    assert lost is not None
    assert lost.share == 0.4
    assert lost.curves == len(ORDINARY)
    assert lost.gap == pytest.approx(1.0, abs=0.01)
    assert lost.limit < 0.2
    assert evidence.judge(track(3.01, until=0.4), BEST) is None
    assert evidence.judge(track(2.0, until=0.4), BEST) is None


def test_too_few_finished_curves_say_nothing() -> None:
    assert Evidence(ORDINARY[:7]).judge(track(9.0, until=0.4), BEST) is None
    assert Evidence(ORDINARY[:8]).judge(track(9.0, until=0.4), BEST) is not None


def test_nothing_is_said_before_the_first_check() -> None:
    assert Evidence(ORDINARY).judge(track(9.0, until=0.19), BEST) is None
    assert checks_reached(0.19) == 0
    assert checks_reached(None) == 0
    assert checks_reached(1.0) == len(CHECKS)


def test_a_late_recovery_seen_once_protects_later_runs() -> None:
    slow = FinishedCurve(9, track(2.9, late=1.5), BEST, kept=True)
    candidate = track(2.9, late=1.2, until=0.4)
    assert Evidence(ORDINARY).judge(candidate, BEST) is not None
    assert Evidence([*ORDINARY, slow]).judge(candidate, BEST) is None


def test_a_keep_whose_loss_stays_high_counts_as_recovered() -> None:
    # Regularisation raises the training loss of a run whose metric improves.
    regularised = FinishedCurve(9, track(4.0), BEST, kept=True)
    assert Evidence([*ORDINARY, regularised]).judge(track(3.9, until=0.4), BEST) is None


def test_few_alike_curves_do_not_make_a_narrow_limit() -> None:
    values = [0.1, -0.1, 0.05, -0.05, 0.0, 0.08, -0.08, 0.02]
    few = [FinishedCurve(n, track(3.0, late), BEST, False) for n, late in enumerate(values)]
    found = Evidence(few).judge(track(9.0, until=0.2), BEST)
    assert found is not None
    assert found.limit > 1.5 * max(values)


def test_hindsight_judges_each_run_by_the_others() -> None:
    hopeless = FinishedCurve(20, track(9.0), BEST, kept=False)
    lucky = FinishedCurve(21, track(2.9, late=9.0), BEST, kept=True)
    found = Evidence([*ORDINARY, hopeless]).hindsight()
    assert 20 in found.stopped
    assert found.keeps_lost == ()
    assert found.share_saved >= 0.8 / 10
    assert Evidence([*ORDINARY, lucky]).hindsight().keeps_lost == (21,)


def test_a_run_is_projected_to_lose_what_the_incumbent_did() -> None:
    found = project(track(3.5, until=0.5), BEST, ORDINARY)
    assert found is not None
    assert found.loss == pytest.approx(3.5, abs=0.01)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 3.5 < found.high
    assert found.curves == len(ORDINARY)


def test_a_projection_has_no_band_before_enough_runs_have_finished() -> None:
    found = project(track(3.5, until=0.5), BEST, ORDINARY[:4])
    assert found is not None
    assert (found.low, found.high, found.curves) == (None, None, 4)


def test_the_band_covers_nine_in_ten_finished_runs() -> None:
    many = [FinishedCurve(n, track(3.0, late=n / 10), BEST, False) for n in range(40)]
    found = project(track(3.0, until=0.5), BEST, many)
    assert found is not None
    assert found.high is not None
    inside = [f for f in many if abs(f.track.losses[50] - BEST.losses[50]) <= found.high - 3.0]
    assert 0.85 <= len(inside) / len(many) <= 0.95


def points(losses: list[float], shares: list[float] | None = None) -> list[CurvePoint]:
    at = shares or [n / len(losses) for n in range(len(losses))]
    return [CurvePoint(s, n, loss) for n, (s, loss) in enumerate(zip(at, losses, strict=True))]


def test_a_jump_of_the_loss_is_a_spike_and_noise_is_not() -> None:
    wavy = [3.0 + 0.01 * math.sin(n * 1.7) for n in range(60)]
    assert spikes(points(wavy)) == []
    wavy[30] = 3.4
    assert spikes(points(wavy)) == [30]
    assert spikes(points([5 - n * 0.01 for n in range(60)])) == []
    assert spikes(points([3.0] * 5)) == []


def test_a_stretch_without_a_step_is_a_stall() -> None:
    shares = [n / 100 for n in range(40)] + [0.6 + n / 100 for n in range(40)]
    assert stalls(Curve(points([3.0] * 80, shares))) == [(0.39, 0.6)]
    assert stalls(Curve(points([3.0] * 100))) == []
    assert stalls(Curve([CurvePoint(None, n, 3.0) for n in range(9)])) == []
