"""Recognises a streak of failures: crashes in a row, and whether all ended in the same error."""

from __future__ import annotations

import re
from typing import NamedTuple

from engine.core.enums import Origin, Verdict
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.text import one_line

SAME_ERROR = 5
"""Crashes in a row with the same error at which the loop pauses."""
ANY_ERROR = 10
"""Crashes in a row with any error at which the loop pauses."""
TELL_AGENT = 3
"""Crashes in a row from which the agent is told about them."""
_LONGEST_ERROR = 300
_EXCEPTION = re.compile(
    r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning|Unavailable)\b(?::.*)?$"
)
"""Matches the line of a traceback that names the exception."""
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+(?:[._]\d+)*")
"""Matches the numbers and addresses of a message, which differ between equal errors."""
_RANK = re.compile(r"\[rank\d+\]:\s*")
_EXIT_CODE = re.compile(r"exit -?\w+$")


class FailureStreak(NamedTuple):
    """The crashes in a row at the end of a session."""

    crashes: int = 0
    same: int = 0
    """The number of the newest crashes that all ended in the newest one's error."""
    error: str = ""
    """The newest crash's error on one line, from its log: untrusted text. Empty without a crash."""


def error_of(experiment: Experiment) -> str:
    """Return the error that ended a crashed experiment, on one line: untrusted text."""
    run = experiment.run
    lines = (
        [_RANK.sub("", line.strip(), count=1) for line in run.detail.splitlines()] if run else []
    )
    lines = [line for line in lines if line]
    if run is None or not lines or experiment.has_failed:
        return one_line(experiment.verdict_reason, _LONGEST_ERROR)
    named = [line for line in lines if _EXCEPTION.match(line)]
    told = named or [line for line in lines if not _EXIT_CODE.match(line)] or lines
    return one_line(told[-1], _LONGEST_ERROR)


def signature_of(experiment: Experiment) -> str:
    """Return what equal errors of two crashed experiments share: no numbers and no addresses."""
    return f"{experiment.outcome}: {_VARYING.sub('#', error_of(experiment))}"


def failure_streak(session: Session, after: int = 0) -> FailureStreak:
    """Return the crashes in a row at a session's end.

    Repeats, and experiments that the user killed or skipped, neither count nor end the streak.

    Args:
        session: The session.
        after: The number of the last experiment that does not count; 0: all do.
    """
    crashes = same = 0
    newest: Experiment | None = None
    signature = ""
    for experiment in reversed(session.experiments):
        if experiment.number <= after:
            break
        killed = experiment.run is not None and experiment.run.kill_requested
        by_user = killed or experiment.skipped is not None
        if experiment.verdict is None or experiment.origin is Origin.CONFIRM or by_user:
            continue
        if experiment.effective_verdict is not Verdict.CRASH:
            break
        if newest is None:
            newest, signature = experiment, signature_of(experiment)
        if same == crashes and signature_of(experiment) == signature:
            same += 1
        crashes += 1
    return FailureStreak(crashes, same, error_of(newest) if newest is not None else "")


def why_to_pause(session: Session) -> str:
    """Return why the loop is to pause because of a streak of failures; empty where it is not.

    Crashes from before the loop was last resumed do not count.
    """
    streak = failure_streak(session, session.resumed_after)
    if streak.same >= SAME_ERROR:
        return f"the last {streak.same} experiments ended in the same error: {streak.error}"
    if streak.crashes >= ANY_ERROR:
        return f"the last {streak.crashes} experiments crashed, the last one with: {streak.error}"
    return ""


def failure_advice(session: Session) -> str:
    """Return what the agent is told about a streak of failures; empty without one.

    The error itself, which is untrusted text, is not part of it.
    """
    streak = failure_streak(session)
    if streak.crashes < TELL_AGENT:
        return ""
    if streak.same >= TELL_AGENT:
        lead = f"Your last {streak.same} edits ended in the same error, so nothing was measured."
        return f"{lead} Find its cause first, and propose an edit that cannot end in it."
    return (
        f"Your last {streak.crashes} edits crashed, so nothing was measured. Propose a smaller "
        "edit that runs for certain."
    )
