"""Errors say what happened, why and what to do; scripts tell them apart by their exit code."""

from __future__ import annotations

import pytest

from engine.core import errors
from engine.core.errors import AutoresearchError, RateLimitedError


def test_an_error_reads_as_one_paragraph_of_the_parts_it_has() -> None:
    whole = AutoresearchError("It failed.", "The disk is full.", "Free space.")
    assert str(whole) == "It failed. The disk is full. Free space."
    assert (whole.what, whole.why, whole.todo) == (
        "It failed.",
        "The disk is full.",
        "Free space.",
    )
    assert str(AutoresearchError("It failed.", "", "Free space.")) == "It failed. Free space."
    assert str(AutoresearchError("It failed.")) == "It failed."


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("AutoresearchError", 1),
        ("UsageError", 2),
        ("WorkspaceError", 3),
        ("ConfigError", 4),
        ("EngineBusyError", 5),
        ("EngineGoneError", 6),
        ("EnvironmentProblem", 7),
        ("JournalError", 8),
        ("TerminalError", 9),
        ("AgentError", 10),
        ("BadKeyError", 10),
        ("BudgetSpentError", 10),
    ],
)
def test_each_kind_of_error_has_the_exit_code_the_documentation_names(name: str, code: int) -> None:
    assert getattr(errors, name).exit_code == code


def test_a_rate_limit_knows_how_long_to_wait_where_the_provider_says() -> None:
    assert RateLimitedError("Too many requests.").seconds is None
    limited = RateLimitedError("Too many requests.", 12.0)
    assert (limited.seconds, limited.why) == (12.0, "")
    assert "again" in limited.todo
