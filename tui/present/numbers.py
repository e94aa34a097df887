"""Formats numbers for the screens and the command line: times, metrics, bytes and costs."""

from __future__ import annotations

import math

from engine.core.analysis.forecast import forecast
from engine.core.enums import Direction
from engine.core.records import Spending
from engine.core.session import Session

MINUS = "−"


def clock(seconds: float | None) -> str:
    """Return seconds as `02:13`, from one hour on as `1:02:13`; None and infinity as `--:--`."""
    if seconds is None or not math.isfinite(seconds):
        return "--:--"
    whole = max(0, int(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def metric(value: float | None, places: int = 6, apart: int = 0) -> str:
    """Return a metric as text: `0.997900`, `1.230e-07`, `NaN`, `∞`; "-" for None.

    Args:
        value: The metric.
        places: Decimal places of a value below 10; a longer whole part gets fewer.
        apart: The least decimal places, which tell the value from those beside it.
    """
    if value is None:
        return "-"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else f"{MINUS}∞")
    size = abs(value)
    if size >= 1e11:
        text = f"{value:.4e}"
    elif 0 < size < 10 ** -max(places, apart):
        text = f"{value:.3e}"
    else:
        # A longer whole part leaves fewer places, so that columns stay narrow.
        usual = places - max(0, len(str(int(size))) - 1)
        text = f"{value:.{max(0, apart, usual)}f}"
    return text.replace("-", MINUS, 1) if value < 0 else text


def exact_metric(value: float) -> str:
    """Return a metric for a line of text: six decimals, and more for a value close to 0."""
    text = f"{value:.6f}" if value == 0 or abs(value) >= 1e-5 else f"{value:.3e}"
    return text.replace("-", MINUS, 1) if value < 0 else text


def change(value: float, places: int = 6) -> str:
    """Return a difference of two metrics with its sign: `+0.010000`, `−0.010000`."""
    text = metric(value, places)
    return text if value < 0 or text.startswith(MINUS) else f"+{text}"


def gain_text(gain: float | None, direction: Direction) -> str:
    """Return how a gain changed the metric: `▼−0.01`; filled if better, hollow if worse.

    Args:
        gain: The improvement of the metric, positive if better in either direction.
        direction: Which way the metric improves.

    Returns:
        The triangle and the signed change; "=" for no change, "" for an unknown one.
    """
    if gain is None or not math.isfinite(gain):
        return ""
    if not gain:
        return "="
    delta = direction.change(gain)
    down, up = "▼▲" if gain > 0 else "▽△"
    return f"{down if delta < 0 else up}{change(delta)}"


def memory(gib: float) -> str:
    """Return GiB of memory as `44.0 GiB` or `51.2 MiB`; "-" for 0, which means unknown."""
    if not gib > 0:
        return "-"
    return f"{gib:.1f} GiB" if gib >= 0.1 else f"{gib * 1024:.1f} MiB"


def size(count: float) -> str:
    """Return a number of bytes in a suitable unit: `44.0 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def cost(spending: Spending) -> str:
    """Return what calls of language models cost: `$1.20`, `$1.20 + unpriced`, `cost unknown`."""
    if spending.unpriced >= spending.calls > 0:
        return "cost unknown"
    more = " + unpriced" if spending.unpriced else ""
    return f"{dollars(spending.dollars)}{more}"


def dollars(amount: float) -> str:
    """Return an amount of dollars as `$1.20`; below ten cents with two digits: `$0.012`."""
    return f"${amount:.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.2g}"


def cost_summary(session: Session) -> str:
    """Return one line on the session's language-model costs: total, per experiment, and the caps.

    Returns:
        "" before the first call of a language model.
    """
    spent, config, view = session.spending, session.config, forecast(session)
    if not spent.calls:
        return ""
    parts = [f"{cost(spent)} for {spent.tokens:,} tokens in {spent.calls} calls"]
    if view.dollars_per_experiment is not None:
        parts.append(f"{dollars(view.dollars_per_experiment)} an experiment")
    elif view.tokens_per_experiment is not None:
        parts.append(f"{view.tokens_per_experiment:,.0f} tokens an experiment")
    if view.dollars_per_keep is not None:
        parts.append(f"{dollars(view.dollars_per_keep)} per kept gain")
    if view.experiments_left is not None:
        caps = [f"${config.max_dollars:g}"] if config.max_dollars is not None else []
        caps += [f"{config.max_tokens:,} tokens"] if config.max_tokens is not None else []
        parts.append(f"the cap of {' and '.join(caps)} allows about {view.experiments_left} more")
    if view.dollars_at_end is not None:
        parts.append(f"about {dollars(view.dollars_at_end)} when all are done")
    return ", ".join(parts)
