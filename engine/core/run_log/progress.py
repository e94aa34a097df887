"""Reads progress lines of a training run: step, loss, speed and share of the budget."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from engine.core.enums import Phase

_NUMBER = r"nan|inf|-?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_STEP = re.compile(r"(?<![a-z])(?:step|iter(?:ation)?)[\s:=#]*0*(\d+)")
_BARS = "|━█▉▊▋▌▍▎▏╸╺"
_SHARE = re.compile(
    rf"(?<![\d.])(\d{{1,3}}(?:\.\d+)?)\s?%\s?[{_BARS}]"
    rf"|(?:^|[{_BARS}]|(?<![a-z])(?:step|iter(?:ation)?|epoch|batch|progress|done)"
    r"[\s:=#\[]{0,9}[\d/,]{0,30}[\s,|]{0,9}(?:\[\s{0,9})?(?:\d{1,15}/\d{1,15})?"
    r"|\[\s{0,9}\d{1,15}\s{0,9}/\s{0,9}\d{1,15}\s{0,9})"
    r"[\s(\[|]{0,9}(?<![\d.])(\d{1,3}(?:\.\d+)?)\s?%"
)
_LOSS = re.compile(
    r"(?<![\w/.\-])(?:(val\w*|test\w*|eval\w*|dev|best|min|avg|average|mean)\s+)?"
    rf"(?:train(?:ing)?[_ /])?loss[\"']?[\s:=]+({_NUMBER})"
)
_TOKENS = re.compile(r"\btok(?:ens)?/s(?:ec)?[\s:=]+([\d,]+(?:\.\d+)?)\s*([km]?)")
_REMAINING = re.compile(r"\bremaining[\s:=]+(\d+(?:\.\d+)?)\s*s")
_SCALES = {"": 1.0, "k": 1e3, "m": 1e6}


@dataclass(frozen=True)
class LogProgress:
    """The latest progress that a run's log reports; None where it does not report a figure.

    `share` is the share of the training budget used so far, from 0 to 1.
    """

    phase: Phase = Phase.STARTING
    share: float | None = None
    step: int | None = None
    loss: float | None = None
    tokens_per_second: float | None = None
    remaining_seconds: float | None = None
    budgeted: bool = False
    """Whether the log says what remains of the time budget, which is evidence of the phase.

    Any other phase is a guess, good enough to be shown.
    """


def is_update(line: str) -> bool:
    """Return whether a line counts steps, so that a later one replaces it."""
    return _STEP.search(line.lower()) is not None


def read_progress(line: str, before: LogProgress) -> LogProgress | None:
    """Return the progress after a line of the log; None where it is not a progress line.

    A progress line has a training loss with a step or a share, or a step with a share. A percent is
    a share only behind a step, an epoch or a bar: `acc: 92.3%` is none.

    Args:
        line: The line, without escape sequences.
        before: The progress before it, whose figures stay where the line has none.
    """
    line = line.lower()
    step = _STEP.search(line) if "step" in line or "iter" in line else None
    loss = None
    if "loss" in line:
        loss = next((m for m in _LOSS.finditer(line) if m[1] is None), None)
    if step is None and loss is None:
        return None
    percent = _SHARE.search(line) if "%" in line else None
    if (step is None or loss is None) and percent is None:
        # `val_loss: 1.2` alone is a result, not progress.
        return None
    share = before.share
    if percent is not None:
        share = min(float(percent[1] or percent[2]) / 100, 1.0)
    tokens, remaining = _TOKENS.search(line), _REMAINING.search(line)
    rate = None
    if tokens is not None:
        rate = float(tokens[1].replace(",", "") or 0) * _SCALES[tokens[2]]
    left = float(remaining[1]) if remaining is not None else None
    phase = Phase.TRAINING
    if left == 0 or (share is not None and share >= 1):
        phase = Phase.EVALUATING
    elif share == 0 and before.phase is Phase.STARTING:
        # Progress may stay at 0.0 % for many minutes while the model compiles.
        phase = Phase.STARTING
    return LogProgress(
        phase=phase,
        share=share,
        step=int(step[1]) if step is not None and len(step[1]) < 19 else before.step,
        loss=float(loss[2]) if loss is not None else before.loss,
        tokens_per_second=rate,
        remaining_seconds=left,
        budgeted=percent is not None and left is not None,
    )


def after_training(before: LogProgress) -> LogProgress:
    """Return the progress of a run that has printed its summary."""
    return replace(before, phase=Phase.EVALUATING, tokens_per_second=None, remaining_seconds=None)
