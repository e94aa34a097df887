"""What is known of a session's gains: their intervals, the smallest gain, and which run repeats."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.enums import RunPurpose, Verdict
from engine.core.events import AnyEvent
from engine.core.keep_rule.certainty import (
    calibration_warning,
    closing_difference,
    coarse_metric,
    resolution,
    runs_behind,
    total_difference,
)
from engine.core.keep_rule.from_session import spread_of
from engine.core.keep_rule.repeated_run import (
    RepeatedRun,
    RepeatReason,
    doubt_about,
    repeated_run_now,
)
from engine.core.spread import Spread
from tests import repeated as r
from tests.tui.synthetic import opening

HERE = Path("/nowhere")


def test_the_total_gain_has_the_interval_of_the_difference_of_its_two_means() -> None:
    session = r.session(r.night(HERE))
    spread = spread_of(session)
    assert spread is not None
    total = total_difference(session, spread)
    assert total is not None
    assert total.gain == pytest.approx(1.0 - 0.973)
    assert (total.runs, total.runs_before) == (4, 3)
    assert total.half_width == pytest.approx(spread.half_width(4, 3))
    assert runs_behind(session.experiment(3)) == 4


def test_no_interval_is_stated_while_sigma_is_not_known() -> None:
    events = [*r.calibrated(HERE), *r.tried(2, (0.9,)), *r.verdict(2, Verdict.KEEP, 0.1)]
    session = r.session(events)
    spread = spread_of(session)
    assert spread is not None and not spread.is_known
    total = total_difference(session, spread)
    assert total is not None and total.half_width is None
    assert resolution(spread, session.config) is None
    assert total_difference(r.session(r.calibrated(HERE)), spread) is None


def test_the_closing_difference_is_of_the_closing_runs_alone() -> None:
    before, session = r.session(r.night(HERE)), r.session(r.closed(HERE))
    spread = spread_of(session)
    assert spread is not None
    assert closing_difference(before, spread) is None
    closing = closing_difference(session, spread)
    assert closing is not None
    assert closing.gain == pytest.approx(1.0 - 0.973)
    assert closing.half_width == pytest.approx(spread.half_width(2, 2))


def test_more_repeats_see_smaller_gains() -> None:
    seen = resolution(Spread(0.0004, 20), r.CONFIG)
    assert seen is not None
    assert seen.more_repeats == 6
    assert 0 < seen.gain_with_more < seen.gain < 5 * 0.0004
    assert resolution(Spread(0.0004, 20), replace(r.CONFIG, rule="greedy")) is None


def test_a_baseline_whose_runs_differ_by_a_tenth_is_warned_of() -> None:
    far = [*opening(HERE, config=r.CONFIG), *r.tried(1, (1.0, 1.3, 1.1))]
    assert "differ by 0.3 (26% of their mean)" in calibration_warning(r.session(far))
    near = [*opening(HERE, config=r.CONFIG), *r.tried(1, (-1.0, -1.05, -1.01))]
    assert calibration_warning(r.session(near)) == ""
    around_zero = [*opening(HERE, config=r.CONFIG), *r.tried(1, (-1.0, 1.0))]
    assert "differ by 2:" in calibration_warning(r.session(around_zero))


def test_a_metric_of_few_distinct_values_is_named_after_eight_runs() -> None:
    begun = opening(HERE, config=r.CONFIG)
    seven = [*begun, *r.tried(1, (0.5, 0.6, 0.5, 0.5, 0.6, 0.5, 0.6))]
    assert coarse_metric(r.session(seven)) == ""
    eight = [*seven, *r.repeat(1, 8, 0.5)]
    assert "only 2 distinct values in 8 runs" in coarse_metric(r.session(eight))
    same = [*begun, *r.tried(1, (0.5,) * 8)]
    assert "All 8 runs gave the same" in coarse_metric(r.session(same))
    assert coarse_metric(r.session(r.closed(HERE))) == ""


def test_a_run_knows_why_it_repeats_and_its_place() -> None:
    begun = opening(HERE, config=r.CONFIG)

    def now(*events: AnyEvent) -> RepeatedRun | None:
        return repeated_run_now(r.session(events))

    first = r.tried(1, ())
    assert now(*begun, *first) == RepeatedRun(1, RepeatReason.CALIBRATION, 1, 3)
    second = [*begun, *r.tried(1, (1.0,)), r.started(1, 2)]
    assert now(*second) == RepeatedRun(1, RepeatReason.CALIBRATION, 2, 3)
    base = r.calibrated(HERE)
    assert now(*base, *r.tried(2, ())) is None
    doubt = [*base, *r.tried(2, (0.99,)), r.started(2, 2)]
    assert now(*doubt) == RepeatedRun(2, RepeatReason.IN_DOUBT, 2, 4)
    between = [*base, *r.tried(2, (0.99,)), r.started(1, 4, RunPurpose.FRESH)]
    assert now(*between) == RepeatedRun(1, RepeatReason.INCUMBENT, 1, 0)
    night = r.night(HERE)
    closing = [*night, *r.repeat(1, 4, 1.0, r.CLOSING), r.started(2, 7, r.CLOSING)]
    assert now(*closing) == RepeatedRun(2, RepeatReason.CLOSING, 2, 4)
    assert now(*night) is None


def test_a_single_baseline_run_is_no_calibration() -> None:
    greedy = replace(r.CONFIG, rule="greedy")
    assert repeated_run_now(r.session([*opening(HERE, config=greedy), *r.tried(1, ())])) is None


def test_a_candidate_in_doubt_has_its_gain_so_far() -> None:
    session = r.session([*r.calibrated(HERE), *r.tried(2, (0.997,))])
    doubt = doubt_about(session, session.experiment(2))
    assert doubt is not None
    assert doubt.gain == pytest.approx(0.003)
    assert doubt.reason.startswith("in doubt:")
    worse = r.session([*r.calibrated(HERE), *r.tried(2, (1.2,))])
    assert doubt_about(worse, worse.experiment(2)) is None
    assert doubt_about(session, session.experiment(1)) is None
