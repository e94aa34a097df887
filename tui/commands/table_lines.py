"""Formats a results table of any tool as aligned lines, with its untrusted text sanitized."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size

from engine.core.digits import places_apart
from engine.core.table.model import BadRow, RowVerdict, Table, TableRow
from engine.core.table.stats import TableStats
from engine.core.text import one_line, plural

_MARKS = {
    RowVerdict.KEEP: "✓",
    RowVerdict.DISCARD: "·",
    RowVerdict.CRASH: "✗",
    RowVerdict.OTHER: "○",
}
_NOTHING = "—"
_WIDEST = 16
_LEAST_TEXT = 20


def table_lines(rows: Sequence[TableRow], width: int, number: str = "#") -> Iterator[str]:
    """Yield a line for each row: number, verdict, metric, memory, category, commit, description.

    If the lines are too long, memory is left out first, then the category, then the commit.

    Args:
        rows: The rows to show, of one results table.
        width: The width of the terminal in cells.
        number: The text to put before each row's number.
    """
    apart = places_apart(row.value for row in rows)
    columns = {
        "number": [f"{number}{row.number}" for row in rows],
        "verdict": [_verdict(row) for row in rows],
        "metric": [_value(row, apart) for row in rows],
    }
    if any(row.memory_gb for row in rows):
        columns["memory"] = [_memory(row) for row in rows]
    if any(row.category for row in rows):
        columns["category"] = [one_line(row.category, _WIDEST) for row in rows]
    if any(row.commit for row in rows):
        columns["commit"] = [one_line(row.commit, _WIDEST) for row in rows]
    widths = {name: max(map(cell_len, cells), default=0) for name, cells in columns.items()}
    for name in ("memory", "category", "commit"):
        if sum(widths.values()) + 2 * len(widths) + _LEAST_TEXT > width:
            widths.pop(name, None)
    for index, row in enumerate(rows):
        head = "  ".join(_aligned(columns[name][index], name, widths[name]) for name in widths)
        text = _fitting(_text(row), max(1, width - cell_len(head) - 2))
        yield f"{head}  {text}".rstrip()


def _aligned(cell: str, name: str, width: int) -> str:
    if name in ("metric", "memory"):
        return " " * (width - cell_len(cell)) + cell
    return set_cell_size(cell, width)


def _verdict(row: TableRow) -> str:
    """Return a row's mark and verdict, with the table's own status word if that differs."""
    own = one_line(row.status, _WIDEST)
    word = row.verdict.value
    if row.verdict is RowVerdict.OTHER:
        word = own or word
    elif own and own.lower() != word:
        word = f"{word} ({own})"
    return f"{_MARKS[row.verdict]} {word}"


def _value(row: TableRow, apart: int) -> str:
    if row.value is None and row.verdict is RowVerdict.CRASH:
        return _NOTHING
    if row.value is None:
        # The cell may hold other information of use: `3_div,avg_spread=7.7c`.
        return one_line(row.value_text, _WIDEST) or _NOTHING
    plain = one_line(row.value_text)
    return plain if 0 < len(plain) <= _WIDEST else show_value(row.value, apart)


def _memory(row: TableRow) -> str:
    return _NOTHING if row.memory_gb is None else f"{row.memory_gb:.1f} GB"


def _text(row: TableRow) -> str:
    text = one_line(row.description)
    if not text:
        text = ", ".join(f"{one_line(k)} {one_line(v)}" for k, v in row.extras.items() if v)
    return f"{text} [{row.flaw}]" if row.flaw else text


def _fitting(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(1, width - 1)).rstrip() + "…"


def bad_row_line(bad: BadRow, width: int) -> str:
    """Return a line for an unreadable line of a table: its number, its text and the reason."""
    return _fitting(f"! line {bad.line}: {bad.reason}: {one_line(bad.text)}", width)


def show_value(value: float, apart: int = 0, *, whole: bool = False) -> str:
    """Return a metric's value as text: 6 decimals below 10, else up to 8 significant digits.

    Args:
        value: The value.
        apart: The least decimals, which tell the value from others.
        whole: Whether all values of the metric are whole numbers.
    """
    size = abs(value)
    if size >= 1e15 or 0 < size < 10.0 ** -max(6, apart):
        return f"{value:.8g}"
    if whole:
        return f"{value:.0f}"
    if size < 10:
        return f"{value:.{max(6, apart)}f}"
    least, most = f"{value:.{apart}f}", f"{value:.{max(apart, 8 - len(str(int(size))))}f}"
    return max(least, most.rstrip("0").rstrip("."), key=len)


def closing_lines(table: Table, stats: TableStats) -> list[str]:
    """Return the lines below a table: counts, best row, how its columns were interpreted."""
    return [line for line in (_counted(stats), _best(table, stats), _understood(table)) if line]


def _counted(stats: TableStats) -> str:
    c = stats.counts
    line = f"{plural(c.total, 'row')}: {c.keep} kept, {c.discard} discarded, "
    line += f"{c.crash} crashed"
    line += f", {c.other} other" if c.other else ""
    line += f"; {plural(stats.bad, 'bad line')}" if stats.bad else ""
    return line + "."


def _best(table: Table, stats: TableStats) -> str:
    best, first = stats.best, stats.baseline
    if not table.direction_known and first is not None:
        name = one_line(table.metric or "the metric", 40)
        return f"Which way {name} improves is unknown, so no best is named; add --direction."
    if best is None or best.value is None:
        return "No row has a value that could be a best." if table.rows else ""
    values = [row.value for row in table.rows if row.value is not None]
    apart, whole = places_apart(values), all(value.is_integer() for value in values)

    def shown(value: float) -> str:
        return show_value(value, apart, whole=whole)

    line = f"Best {one_line(table.metric or 'metric', 40)} {shown(best.value)} (row "
    line += f"{best.number}{', commit ' + one_line(best.commit, 40) if best.commit else ''}"
    if first is None or first.value is None or first.number == best.number:
        return line + "), the baseline."
    change = f"{best.value - first.value:+.6g}"
    if whole and "e" in change:
        change = f"{best.value - first.value:+.0f}"
    change = change.replace("-", "−")
    return f"{line}), {change} against the baseline's {shown(first.value)}."


def _understood(table: Table) -> str:
    better = f"{table.direction.better} is better ({one_line(table.direction_reason, 120)})"
    if table.metric is None:
        line = f"Read as: no metric ({table.metric_reason})"
    else:
        name, why = one_line(table.metric, 40), one_line(table.metric_reason, 120)
        line = f"Read as: metric {name} ({why}), "
        line += better if table.direction_known else "of which the direction is unknown"
    notes = "".join(f"; {one_line(note, 120)}" for note in table.notes)
    given = "as asked" in (table.metric_reason, table.direction_reason)
    return f"{line}{notes}." + ("" if given else " Change it with --metric and --direction.")
