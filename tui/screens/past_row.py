"""Provides the screen of an experiment older than the journal: shows its row of results.tsv."""

from __future__ import annotations

from textual.app import ComposeResult

from engine.core.imported_attempt import PastAttempt, Unknown
from engine.core.session import Session
from tui.actions.action import Action, Group, back
from tui.actions.registry import PROGRAM
from tui.present.lines import TextLine
from tui.present.numbers import gain_text, memory, metric
from tui.present.text import clean_line
from tui.present.verdict_marks import past_status
from tui.screens.action_screen import bindings_of
from tui.screens.footer import ActionFooter
from tui.screens.static_screen import StaticScreen
from tui.screens.text_page import TextPage

_KEYS: tuple[Action, ...] = (
    Action(
        "y",
        "copy",
        "Copy",
        "Copy the commit, or else the row's description.",
        Group.EXPERIMENT,
        footer=lambda view: "copy",
    ),
    back("escape,q", Group.EXPERIMENT),
)

_UNKNOWN = {
    Unknown.EDIT: "what it changed",
    Unknown.VALUE: "what it measured",
    Unknown.VERDICT: "whether it was kept",
    Unknown.TIME: "when it ran",
    Unknown.MEMORY: "how much memory it took",
}


class PastRowScreen(StaticScreen):
    """Shows a row imported from results.tsv; no decision can be made about it.

    Args:
        attempt: The imported row.
    """

    DEFAULT_CSS = """
    PastRowScreen #row { height: 1fr; padding: 0 1; }
    PastRowScreen #row { border: round $border; background: $background; }
    """
    ACTIONS = _KEYS
    BINDINGS = bindings_of(_KEYS)

    def __init__(self, attempt: PastAttempt) -> None:
        super().__init__()
        self._attempt = attempt

    def compose(self) -> ComposeResult:
        row = TextPage(id="row")
        row.can_focus = True
        row.border_title = "before the journal"
        yield row
        yield ActionFooter((*_KEYS, *PROGRAM[1:2]))

    def on_mount(self) -> None:
        """Show the imported row once; it does not change."""
        page = self.query_one(TextPage)
        page.set_lines(past_lines(self.view.session, self._attempt))
        page.focus()

    async def action_copy(self) -> None:
        """Copy the row's commit hash, or its description if it has no commit."""
        attempt = self._attempt
        if attempt.commit:
            await self.shell.copy("Commit", attempt.commit)
        else:
            await self.shell.copy(f"Row ·{attempt.row}", clean_line(attempt.description))


def past_lines(session: Session, attempt: PastAttempt) -> tuple[TextLine, ...]:
    """Return what an imported row tells and what it leaves unknown, as lines of text.

    The text is not sanitized.

    Args:
        session: The session that the row was imported into.
        attempt: The imported row.
    """
    lines: list[TextLine] = [
        (f"Row ·{attempt.row} of the table, from before the journal", "--strong"),
        (attempt.description or "The row has no description.", ""),
        ("", ""),
        (f"{past_status(attempt)}{_as_written(attempt)}", ""),
    ]
    if attempt.metric is not None:
        change = gain_text(attempt.gain, session.direction)
        against = f", {change} against the keep before it" if change else ""
        lines.append((f"{session.config.metric} {metric(attempt.metric)}{against}", ""))
    if attempt.memory_gb:
        lines.append((f"memory {memory(attempt.memory_gb)}", ""))
    if attempt.category:
        lines.append((f"category {attempt.category}", ""))
    if attempt.at is not None:
        lines.append((f"{attempt.at:%Y-%m-%d %H:%M:%S} UTC", ""))
    lines.append((_commit(session, attempt), ""))
    unknown = [_UNKNOWN[each] for each in attempt.unknown]
    lines += [
        ("", ""),
        ("Only this row is known: it was recorded before the session had a journal.", "--dim"),
        ("Reasoning, log, loss curve and machine are not recorded.", "--dim"),
    ]
    if unknown:
        lines.append((f"Nor is {', nor '.join(unknown)}.", "--dim"))
    lines.append(
        ("It is not known whether its value is comparable with this session's.", "--dim"),
    )
    return tuple(lines)


def _as_written(attempt: PastAttempt) -> str:
    same = attempt.verdict is not None and attempt.status.lower() == attempt.verdict.value
    return f" (its row says “{attempt.status}”)" if attempt.status and not same else ""


def _commit(session: Session, attempt: PastAttempt) -> str:
    if attempt.commit:
        where = f"on {session.branch}" if attempt.on_branch else f"not on {session.branch}"
        return f"commit {attempt.commit}, {where}: git show {attempt.commit[:12]}"
    if attempt.named:
        return f"commit {attempt.named}: no longer in the repository"
    return "The row names no commit."


def row_of_past(attempt: PastAttempt) -> str:
    """Return an imported row as tab-separated text: commit, metric, memory, status, description."""
    fields = (
        clean_line((attempt.commit or attempt.named)[:7]),
        "" if attempt.metric is None else f"{attempt.metric:.6f}",
        "" if attempt.memory_gb is None else f"{attempt.memory_gb:.1f}",
        clean_line(attempt.status),
        clean_line(attempt.description),
    )
    return "\t".join(fields)
