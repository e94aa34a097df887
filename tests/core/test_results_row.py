"""The line of results.tsv that an experiment becomes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from engine.core.enums import Verdict
from engine.core.events import Measurement, Proposal
from engine.core.records import Experiment
from engine.core.results_row import format_row, row_of

DISCARDED = Experiment(
    number=3,
    base="0" * 40,
    proposal=Proposal(patch_id="p", hypothesis="grow the model", agent="llm", added=1, removed=1),
    drafted_at=datetime(2026, 11, 21, tzinfo=UTC),
    commit="0123456789",
    measurement=Measurement(metric=0.9979, memory_gb=44.04),
    verdict=Verdict.DISCARD,
    verdict_reason="no gain",
)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "0123456\t0.997900\t44.0\tdiscard\tgrow the model"),
        ({"overruled": Verdict.KEEP}, "0123456\t0.997900\t44.0\tdiscard\tgrow the model"),
        ({"doubts": ("too fast",)}, "0123456\t0.997900\t44.0\tdiscard\tgrow the model (no gain)"),
        (
            {"verdict": Verdict.CRASH, "verdict_reason": "out of\nmemory"},
            "0123456\t0.000000\t0.0\tcrash\tgrow the model (out of memory)",
        ),
        (
            {
                "measurement": Measurement(metric=-1e-9, memory_gb=44.04),
                "surprises": ("the gain is 100%",),
                "verdict_reason": "held for you: the gain is 100%",
            },
            "0123456\t0.000000\t0.0\tcrash\tgrow the model (held for you: the gain is 100%)",
        ),
        (
            {"measurement": Measurement(metric=0.0, memory_gb=44.04)},
            "0123456\t0.000000\t44.0\tdiscard\tgrow the model",
        ),
        (
            {"verdict": None, "row_status": "maybe\t\x1b[31m", "verdict_reason": ""},
            "0123456\t0.997900\t44.0\tmaybe\tgrow the model",
        ),
    ],
)
def test_a_row_is_the_line_of_the_file(changed: dict[str, object], line: str) -> None:
    row = row_of(replace(DISCARDED, **changed))
    assert row is not None and format_row(row) == line


def test_an_open_experiment_has_no_row() -> None:
    assert row_of(replace(DISCARDED, verdict=None)) is None
