"""Loss curves: collected from progress lines, thinned evenly, and read back from their lines."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.curves.curve import (
    MOST_POINTS,
    Curve,
    CurveBuilder,
    CurvePoint,
    Track,
    decode,
    encode,
)
from engine.core.run_log.reader import RunLog


def curve_of(text: str) -> Curve:
    log = RunLog("val_bpb")
    log.feed(text.encode())
    log.finish()
    return Curve(log.curve.points)


def test_progress_updates_of_one_line_become_points() -> None:
    log = "\rstep 00000 (0.0%) | loss: 5.5 | remaining: 9s\rstep 00010 (50.0%) | loss: 4.0   \n"
    assert curve_of(log).points == (CurvePoint(0.0, 0, 5.5), CurvePoint(0.5, 10, 4.0))


def test_a_half_printed_update_is_not_a_point() -> None:
    log = RunLog("val_bpb")
    log.feed(b"\rstep 00000 (0.0%) | loss: 5.5 | dt: 1ms\rstep 00010 (50.0%) ")
    assert log.curve.points == [CurvePoint(0.0, 0, 5.5)]
    log.feed(b"| loss: 4.0 | dt: 1ms\n")
    assert log.curve.points[-1] == CurvePoint(0.5, 10, 4.0)


def test_lines_without_a_share_make_a_curve_by_steps() -> None:
    curve = curve_of("".join(f"iter {n}: loss {9 - n}, time 3ms\n" for n in range(4)))
    assert curve.by_share() is None
    by_step = curve.by_step()
    assert by_step is not None
    assert list(by_step.positions) == [0, 1, 2, 3]


def test_steps_that_begin_again_with_each_epoch_are_counted_on() -> None:
    log = "".join(f"epoch {e} step {n} loss: 3.0\n" for e in (1, 2) for n in (1, 2, 3))
    assert [p.step for p in curve_of(log).points] == [1, 2, 3, 4, 5, 6]


def test_shares_of_an_epoch_are_not_those_of_the_run() -> None:
    lines = [f"epoch {e}: {s}%|██| step {s} loss=2.{s:02d}\n" for e in (1, 2) for s in (10, 50, 90)]
    curve = curve_of("".join(lines))
    assert len(curve) == 6
    assert curve.by_share() is None


def test_the_clock_gives_the_share_where_the_log_does_not() -> None:
    builder = CurveBuilder()
    builder.add(None, 10, 5.0)
    builder.clock_share = 0.4
    builder.add(None, 20, 4.0)
    track = Curve(builder.points).by_share()
    assert track is not None
    # The first point is from before the clock was known: half of the steps, half of the share.
    assert list(track.positions) == [0.2, 0.4]


def test_values_that_are_not_finite_are_left_out() -> None:
    builder = CurveBuilder()
    for loss in (1.0, math.nan, math.inf, None):
        builder.add(0.1, len(builder.points), loss)
    assert len(builder.points) == 1


@given(st.integers(1, 3_000))
def test_a_long_curve_is_thinned_evenly(count: int) -> None:
    builder = CurveBuilder()
    for n in range(count):
        builder.add(n / count, n, 5.0)
    builder.finish()
    steps = [p.step or 0 for p in builder.points]
    assert len(steps) <= MOST_POINTS + 1
    assert (steps[0], steps[-1]) == (0, count - 1)
    gaps = [b - a for a, b in pairwise(steps)][:-1]
    assert len(set(gaps)) <= 1 or count <= MOST_POINTS
    assert len(steps) >= min(count, MOST_POINTS // 2)


def test_points_survive_writing_and_reading() -> None:
    points = [CurvePoint(0.123456789, 7, 3.14159265), CurvePoint(None, None, -2.5e-9)]
    read = decode(encode(points))
    assert read.points == (CurvePoint(0.12346, 7, 3.141593), CurvePoint(None, None, -2.5e-9))


@pytest.mark.parametrize("torn", [b"[0.5,20,3.", b"[0.5,20,3.25]", b"\0\0\0", b"[1]\n", b"{}\n"])
def test_a_torn_or_strange_line_is_left_out(torn: bytes) -> None:
    assert decode(encode([CurvePoint(0.1, 1, 4.0)]) + torn).points == (CurvePoint(0.1, 1, 4.0),)


def test_the_loss_at_a_share_ignores_one_wild_point() -> None:
    losses = [4.0] * 20
    losses[10] = 90.0
    track = Track([n / 20 for n in range(20)], losses)
    assert track.at(0.5, 0.2) == 4.0
    assert track.at(0.99) is None


def test_the_loss_between_two_distant_points_is_on_the_line_between_them() -> None:
    assert Track([0.0, 1.0], [4.0, 2.0]).at(0.25) == 3.5
    assert Track([0.0, 1.0], [4.0, 2.0]).at(1.0) == 2.0


def test_a_curve_is_cut_at_the_moment_that_a_replay_shows() -> None:
    curve = Curve(CurvePoint(n / 10, n, 5.0) for n in range(11))
    assert len(curve.until(0.35)) == 4
    assert len(Curve([CurvePoint(None, 3, 5.0)]).until(0.35)) == 1
