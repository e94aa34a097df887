"""What a text says about which way a metric improves."""

from __future__ import annotations

import pytest

from engine.core.direction_statement import stated_direction
from engine.core.enums import Direction

MIN, MAX = Direction.MIN, Direction.MAX


@pytest.mark.parametrize(
    ("text", "metric", "direction"),
    [
        ("**The goal is simple: get the lowest val_bpb.** Since the", "val_bpb", MIN),
        ("`nba_core` is a composite (higher is better).", "nba_core", MAX),
        ("Metric: D_geomean, higher is better", "D_geomean", MAX),
        ("The metric is D_geomean.\nHigher is better.", "D_geomean", MAX),
        ("Minimize `clippy` warnings", "clippy", MIN),
        ("You want to maximise the final knn_10.", "knn_10", MAX),
        ("maximize the validation core_metric", "core_metric", MAX),
        ("core-metric: lower = better", "core_metric", MIN),
        ("| core_metric ↑ | params ↓ |", "core_metric", MAX),
        ("the lower the better, for foo", "foo", MIN),
        ("Lower foo values are better", "foo", MIN),
        ("Smaller values are better: foo", "foo", MIN),
        ("foo (higher better)", "foo", MAX),
        ("higher `foo` is better", "foo", MAX),
        ("Our goal is to reduce foo.", "foo", MIN),
        # Advice, comparisons and other metrics:
        ("A run with modestly lower `foo` may still be a better baseline.", "foo", None),
        ("prepare.py will raise `foo`", "foo", None),
        ("If memory is short, reduce `foo` first.", "foo", None),
        ("The metric is **bar** - lower is better, and foo-independent.", "foo", None),
        ("The metric is **bar** - lower is better, and foo-independent.", "bar", MIN),
        # Not about the metric, negated, or contradictory:
        ("Minimize training time while keeping foo above 0.9", "foo", None),
        ("Minimize memory. Report foo.", "foo", None),
        ("Lower is better.", "foo", None),
        ("bar: lower is better", "foo", None),
        ("Do not maximize foo", "foo", None),
        ("Never minimize foo.", "foo", None),
        ("foo: lower is better. Later: foo, higher is better", "foo", None),
        ("increase depth, and print foo", "foo", None),
        ("foobar: higher is better", "foo", None),
        ("", "foo", None),
        ("higher is better", "", None),
    ],
)
def test_statements(text: str, metric: str, direction: Direction | None) -> None:
    found = stated_direction(text, metric)
    assert (found[0] if found is not None else None) is direction


def test_the_statement_is_quoted_on_one_line() -> None:
    text = "# Goal\n\n- **foo**: higher is better\t(see below).\nThe rest."
    assert stated_direction(text, "foo") == (MAX, "foo**: higher is better (see below).")
    long = stated_direction(f"foo {'x' * 20} higher is better {'y' * 500}", "foo")
    assert long is not None
    assert len(long[1]) <= 80


def test_a_long_text_takes_linear_time() -> None:
    assert stated_direction("minimize the " * 50_000, "foo") is None
    assert stated_direction("foo " * 50_000, "foo") is None
