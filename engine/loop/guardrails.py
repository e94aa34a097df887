"""Checks that the guardrails of a session can be checked, whenever another experiment is kept."""

from __future__ import annotations

from engine.core.breaches import figures_text, find_breaches, missing_figures
from engine.core.enums import AlarmKind
from engine.loop.context import SessionContext


def check_guardrails(context: SessionContext) -> None:
    """Pause the loop where the incumbent has no value for a guardrail's figure.

    Where the baseline breaks a guardrail itself, an alarm is recorded instead.
    """
    session, best = context.session, context.session.best
    if best is None or best.measurement is None:
        return
    guards, measurement = session.config.guards, best.measurement
    what = "the baseline" if best.is_baseline else f"#{best.number}, the best so far,"
    if missing := missing_figures(guards, measurement):
        names = ", ".join(f"`{text}`" for text in missing)
        context.pause(
            f"{what} prints no figure of that name for the guardrail {names}. It gives: "
            f"{figures_text(measurement)}",
            "Stop, then start again with another --guard, or with --guard none. If you resume, "
            "every experiment without the figure is discarded.",
        )
    elif best.is_baseline and (breaches := find_breaches(guards, measurement, None)):
        message = f"{what} breaks a guardrail: {'; '.join(breaches)}. Only edits within it are kept"
        context.alarm(AlarmKind.GUARDRAIL, message, experiment=best.number)
