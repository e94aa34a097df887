from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.present.numbers import change, clock, exact_metric, metric, size
from tui.widgets.gauge import gauge


@given(st.floats(), st.integers(0, 200))
def test_a_gauge_has_the_given_width(share: float, width: int) -> None:
    filled, rest = gauge(share, width)
    assert cell_len(filled + rest) == width
    if share <= 0:
        assert not filled
    if share >= 1:
        assert not rest


def test_a_gauge_is_full_or_empty_only_at_the_ends() -> None:
    assert gauge(0.001, 10) == ("╸", "─────────")
    assert gauge(0.999, 10)[0] == "━━━━━━━━━╸"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9697, "0.969700"),
        (12.5, "12.50000"),
        (-0.5, "−0.500000"),
        (123456.0, "123456.0"),
        (3943210.0, "3943210"),
        (3943185.0, "3943185"),
        (12345678901.0, "12345678901"),
        (4.5e12, "4.5000e+12"),
        (1e-9, "1.000e-09"),
        (0.0, "0.000000"),
        (math.nan, "NaN"),
        (-math.inf, "−∞"),
        (None, "-"),
    ],
)
def test_metric(value: float | None, text: str) -> None:
    assert metric(value) == text


def test_neighbours_are_told_apart() -> None:
    assert metric(25169.9871, apart=4) == "25169.9871"
    assert metric(1.234e-7, apart=10) == "0.0000001234"
    assert exact_metric(0.9697) == "0.969700"
    assert exact_metric(-1.234e-9) == "−1.234e-09"


def test_change_has_a_sign() -> None:
    assert change(0.0012) == "+0.001200"
    assert change(-0.0012) == "−0.001200"


@given(st.floats())
def test_numbers_are_short(value: float) -> None:
    assert len(metric(value)) <= 12
    assert len(clock(value if abs(value) < 1e6 else None)) <= 9


def test_clock_and_size() -> None:
    assert [clock(s) for s in (0, 61, 3661, None)] == ["00:00", "01:01", "1:01:01", "--:--"]
    assert [size(n) for n in (512, 2048, 44 * 2**30, 2**42)] == [
        "512 B",
        "2.0 KiB",
        "44.0 GiB",
        "4.0 TiB",
    ]
