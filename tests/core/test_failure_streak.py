"""Crashes in a row are told to the agent, and pause the loop where they do not end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import events as ev
from engine.core.analysis.failure_streak import (
    ANY_ERROR,
    SAME_ERROR,
    FailureStreak,
    error_of,
    failure_advice,
    failure_streak,
    signature_of,
    why_to_pause,
)
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, Origin, Outcome, Verdict
from engine.core.reducer import fold
from engine.core.session import Session
from tests.core.session_events import run_started, session_started

AT = datetime(2026, 11, 1, tzinfo=UTC)
SHAPES = """\
Traceback (most recent call last):
  File "train.py", line {line}, in <module>
    main()
RuntimeError: mat1 and mat2 shapes cannot be multiplied ({a}x{b} and 512x768)"""


def session(letters: str, details: dict[int, str] | None = None) -> Session:
    """A session with a verdict for each letter.

    They are k for keep, d for discard, c for a crash; x for one that the user killed, s for one
    that they skipped, r for a crashed repeat; P is a pause that ends.
    """
    events: list[ev.AnyEvent] = [session_started(ResearchConfig(), at=AT)]
    number = 0
    for letter in letters:
        if letter == "P":
            events += [ev.Paused(at=AT, by=Actor.ENGINE, reason="x")]
            events += [ev.Resumed(at=AT, by=Actor.SCREEN)]
            continue
        number += 1
        events += [
            ev.ProposalDrafted(
                at=AT,
                experiment=number,
                base="0" * 40,
                proposal=ev.Proposal(patch_id=f"{number:012x}", hypothesis="h"),
                patch="",
                origin=Origin.CONFIRM if letter == "r" else Origin.AGENT,
                of=1,
            ),
            run_started(number, at=AT),
        ]
        if letter == "x":
            events.append(ev.KillRequested(at=AT, by=Actor.SCREEN, experiment=number, run=1))
        if letter == "s":
            events.append(ev.ExperimentSkipped(at=AT, by=Actor.SCREEN, experiment=number))
        measured = letter in "kd"
        verdict = {"k": Verdict.KEEP, "d": Verdict.DISCARD}.get(letter, Verdict.CRASH)
        events += [
            ev.RunEnded(
                at=AT,
                experiment=number,
                run=1,
                outcome=Outcome.FINISHED if measured else Outcome.CODE_CRASH,
                detail="" if measured else (details or {}).get(number, "ValueError: unstable"),
            ),
            ev.VerdictGiven(at=AT, experiment=number, verdict=verdict, reason="code crash"),
        ]
    return fold(events)


@pytest.mark.parametrize(
    ("letters", "crashes"),
    [
        *(("", 0), ("k", 0), ("kc", 1), ("kccd", 0), ("kcccc", 4), ("kcdcc", 2), ("kckcc", 2)),
        *(("kcxcrcsc", 4), ("kxxx", 0)),
    ],
)
def test_crashes_in_a_row_are_counted_without_those_of_the_user(letters: str, crashes: int) -> None:
    streak = failure_streak(session(letters))
    assert (streak.crashes, streak.same) == (crashes, crashes)
    assert bool(streak.error) == bool(crashes)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (SHAPES.format(line=3, a=8, b=64), SHAPES.format(line=41, a=32, b=1024), True),
        ("KeyError: 'a'", "KeyError: 'b'", False),
        ("ValueError: 1.5e3 at 0x7f00a", "ValueError: 2.5e3 at 0x1c", True),
        ("TypeError: x", "ValueError: x", False),
        ("exit 1\nstep 00012 (3.0%)", "exit 1\nstep 00140 (35.2%)", True),
        ("[rank0]: torch.AcceleratorError: bad\nin 3 lines", "torch.AcceleratorError: bad", True),
        ("KeyError: 'a'\n\nwhich led to:\n\nOSError: b", "KeyError: 'c'\nOSError: b", True),
        ("the loss became NaN or exploded", "the loss became NaN or exploded", True),
    ],
)
def test_the_signature_of_an_error_has_no_numbers(one: str, other: str, equal: bool) -> None:
    found = session("kcc", {2: one, 3: other})
    assert (signature_of(found.experiment(2)) == signature_of(found.experiment(3))) is equal
    assert failure_streak(found).same == (2 if equal else 1)


def test_the_error_is_the_line_of_the_exception_on_one_line() -> None:
    detail = f"exit 1\n{SHAPES.format(line=3, a=8, b=64)}\x1b[31m\n…\nwandb: syncing"
    error = error_of(session("kc", {2: detail}).experiment(2))
    assert error == "RuntimeError: mat1 and mat2 shapes cannot be multiplied (8x64 and 512x768)"
    assert len(error_of(session("kc", {2: "ValueError: " + "x" * 9000}).experiment(2))) <= 300


@pytest.mark.parametrize(
    ("letters", "other", "expected"),
    [
        ("kcccc", (), ""),
        ("kccccc", (), "the last 5 experiments ended in the same error: ValueError: unstable"),
        ("kcccxcc", (), "the last 5 experiments ended in the same error"),
        ("kcccccP", (), ""),
        ("kcccccPcccc", (), ""),
        ("kcccccPccccc", (), "the last 5 experiments ended in the same error"),
        ("kccPcccc", (), ""),
        ("k" + "c" * 9, (4, 7, 9), ""),
        ("k" + "c" * 10, (4, 7, 9), "the last 10 experiments crashed, the last one with: Value"),
        ("kccccccd", (), ""),
    ],
)
def test_a_streak_pauses_once_it_is_long_and_again_after_as_many(
    letters: str, other: tuple[int, ...], expected: str
) -> None:
    found = session(letters, {number: f"KeyError: {number}{'x' * number}" for number in other})
    why = why_to_pause(found)
    assert why.startswith(expected) and bool(why) == bool(expected)


def test_the_agent_is_told_of_the_error_even_after_a_pause() -> None:
    assert failure_advice(session("kcc")) == ""
    assert failure_advice(session("kccccccP")).startswith(
        "Your last 6 edits ended in the same error"
    )
    assert failure_advice(session("kccc", {4: "KeyError: 'a'"})).startswith(
        "Your last 3 edits crashed"
    )
    assert failure_advice(session("kcccd")) == ""


@given(st.text("kdcxsrP", max_size=40))
def test_a_streak_is_never_longer_than_the_crashes_since_it_was_resumed(letters: str) -> None:
    found = session(letters)
    whole, since = failure_streak(found), failure_streak(found, found.resumed_after)
    assert 0 <= since.crashes <= whole.crashes <= letters.count("c")
    assert whole.same <= whole.crashes and since.same <= since.crashes
    assert bool(why_to_pause(found)) == (since.same >= SAME_ERROR or since.crashes >= ANY_ERROR)
    if "c" not in letters:
        assert whole == FailureStreak()
