"""Formats a report as one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from importlib.resources import files

from engine.core.enums import Direction
from engine.core.text import duration, sanitize
from engine.report.blocks import Block, Grid, Items, ReportSection, Text
from engine.report.figures import change, number, percent
from engine.report.model import Point, ReportFacts
from engine.report.plot import Shape, shape_of
from engine.report.sections import closing, headline, lead, sections
from engine.report.svg import chart_style, chart_svg

_MARKS: dict[Shape, str] = {
    Shape.KEEP: "●",
    Shape.DISCARD: "◇",
    Shape.CRASH: "✕",
    Shape.OTHER: "□",
    Shape.AGAIN: "★",
}
_MOST_ROWS = 20_000
"""Number of rows in the table of experiments at most; browsers are slow with more."""
_COLUMNS = (
    ("#", True),
    ("verdict", False),
    ("", True),
    ("change", True),
    ("memory, GB", True),
    ("time", True),
    ("category", False),
    ("what was tried", False),
    ("commit", False),
)


def page(facts: ReportFacts, patches: Mapping[int, str]) -> str:
    """Return the report on a session or table as an HTML page.

    Args:
        facts: The facts of the session or table.
        patches: The recorded diffs, by experiment number.
    """
    style, script = _resource("page.css") + chart_style(), _resource("page.js")
    # Only these two may be applied and run, even if markup slipped into the page.
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = f"{facts.name}: {headline(facts)}"
    body = "\n".join(
        (
            "<header>",
            f'<p class="name">{escape(facts.name)}</p>',
            f"<h1>{escape(headline(facts))}</h1>",
            f"<p>{escape(lead(facts))}</p>",
            "</header>",
            _tiles(facts),
            chart_svg(facts) if _measured(facts) else "",
            '<div class="parts">',
            *map(_section, sections(facts)),
            "</div>",
            _table(facts, patches),
            f"<footer>{escape(closing(facts))}</footer>",
        )
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""


def _measured(facts: ReportFacts) -> bool:
    old = facts.adopted.points if facts.adopted is not None else ()
    return any(point.value is not None for point in (*old, *facts.points))


def _resource(name: str) -> str:
    return files("engine.report").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _tiles(facts: ReportFacts) -> str:
    sign = -1 if facts.direction is Direction.MIN else 1
    tiles: list[tuple[str, str]] = []
    if facts.best is not None:
        tiles.append((number(facts.best.value, facts.places), f"best {facts.metric}"))
    if facts.gain:
        share = f" ({percent(sign * facts.percent)})" if facts.percent is not None else ""
        tiles.append((change(facts.direction, facts.gain, facts.places), f"since baseline{share}"))
    c = facts.counts
    tiles.append((number(c.total, 0), "experiments" if facts.of_session else "rows"))
    tiles.append((number(c.keep, 0), f"kept, {number(c.discard, 0)} discarded"))
    tiles.append((number(c.crash, 0), "crashed"))
    if facts.claim is not None and facts.claim.error is not None:
        bar = f"± {number(facts.claim.error, facts.claim_digits)}"
        tiles.append((bar, facts.claim.note or "95 % error bar of the gain"))
    elif facts.noise is not None:
        tiles.append((f"σ {number(facts.noise.upper, facts.places)}", "noise of a run, at most"))
    else:
        tiles.append(("σ ?", "noise unknown"))
    if facts.hours is not None:
        tiles.append((duration(facts.hours.total), "from first to last"))
    items = "".join(
        f"<li><b>{escape(big)}</b><span>{escape(small)}</span></li>" for big, small in tiles
    )
    return f'<ul class="tiles">{items}</ul>'


def _section(section: ReportSection) -> str:
    blocks = "\n".join(map(_block, section.blocks))
    return f"<section>\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>"


def _block(block: Block) -> str:
    match block:
        case Text():
            return f"<p>{escape(block.text)}</p>"
        case Items():
            tag = "ol" if block.numbered else "ul"
            items = []
            for step in block.items:
                command = f" <code>{escape(step.command)}</code>" if step.command else ""
                items.append(f"<li>{escape(step.text)}{command}</li>")
            return f"<{tag}>{''.join(items)}</{tag}>"
        case Grid():
            return _grid(block)


def _grid(grid: Grid) -> str:
    def cells(row: tuple[str, ...], tag: str) -> str:
        result = []
        for i, cell in enumerate(row):
            kind = "n" if i in grid.numeric else "w" if i == len(row) - 1 and i > 2 else ""
            marked = f' class="{kind}"' if kind else ""
            result.append(f"<{tag}{marked}>{escape(cell)}</{tag}>")
        return f"<tr>{''.join(result)}</tr>"

    head = f"<thead>{cells(grid.head, 'th')}</thead>" if any(grid.head) else ""
    rows = "".join(cells(row, "td") for row in grid.rows)
    return f"<table>{head}<tbody>{rows}</tbody></table>"


def _table(facts: ReportFacts, patches: Mapping[int, str]) -> str:
    if not facts.points and facts.adopted is None:
        return ""
    points = (*(facts.adopted.points if facts.adopted is not None else ()), *facts.points)
    shown = [
        True,
        True,
        True,
        any(p.gain is not None for p in points),
        any(p.memory_gb for p in points),
        any(p.seconds for p in points),
        any(p.category for p in points),
        True,
        any(p.commit for p in points),
    ]
    heads = "".join(
        f'<th{" class=n" if numeric else ""}><button type="button">{escape(name or facts.metric)}'
        "</button></th>"
        for (name, numeric), is_shown in zip(_COLUMNS, shown, strict=True)
        if is_shown
    )
    rows = "\n".join(_row(p, facts, shown, patches.get(p.number, "")) for p in points[-_MOST_ROWS:])
    diffs = facts.diffs or ("" if patches else "Diffs are not recorded.")
    what = "experiments" if facts.of_session else "rows"
    if len(points) > _MOST_ROWS:
        diffs = f"The last {number(_MOST_ROWS, 0)} of {number(len(points), 0)} are shown. {diffs}"
    return (
        f'<div id="all-head"><h2>All {what}</h2>'
        '<input id="find" type="search" placeholder="Filter by any word" '
        'aria-label="Filter the table by any word"><span id="shown"></span></div>\n'
        f"<p>Click a column to sort by it. {escape(diffs)}</p>\n"
        f'<div class="wide"><table id="all"><thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n'
        "</tbody></table></div>"
    )


def _row(point: Point, facts: ReportFacts, shown: list[bool], patch: str) -> str:
    shape = shape_of(point)
    note = ", ".join(filter(None, ("adopted" if point.row else "", _outcome(point, shape))))
    why = f' <span class="why">({escape(note)})</span>' if note else ""
    cells = (
        _number(point.number, point.name.removeprefix("#")),
        f'<td class="v">{_MARKS[shape]} {escape(shape.value)}</td>',
        _number(point.value, number(point.value, facts.places)),
        _number(point.gain, change(facts.direction, point.gain, facts.places)),
        _number(point.memory_gb, f"{point.memory_gb:.1f}" if point.memory_gb else "–"),
        _number(point.seconds, duration(point.seconds) if point.seconds else "–"),
        f'<td class="s">{escape(point.category)}</td>',
        f'<td class="t">{escape(point.text)}{why}{_diff(patch)}</td>',
        f'<td class="s"><code>{escape(point.commit)}</code></td>' if point.commit else "<td></td>",
    )
    visible = "".join(cell for cell, is_shown in zip(cells, shown, strict=True) if is_shown)
    kind = {Shape.KEEP: "keep", Shape.CRASH: "crash", Shape.DISCARD: "discard"}.get(shape, "other")
    return f'<tr class="{kind}">{visible}</tr>'


def _outcome(point: Point, shape: Shape) -> str:
    """Return the note on why an experiment was not kept; empty for discards, which need none."""
    return "" if shape is Shape.DISCARD else point.outcome


def _number(value: float | None, text: str) -> str:
    key = "" if value is None else repr(value)
    return f'<td class="n" data-v="{key}">{escape(text)}</td>'


def _diff(patch: str) -> str:
    if not patch.strip():
        return ""
    lines = []
    for line in patch.splitlines():
        tag = {"+": "ins", "-": "del", "@": "i"}.get(line[:1])
        if line.startswith(("---", "+++")):
            tag = "i"
        text = escape(sanitize(line, line_break=" "))
        lines.append(f"<{tag}>{text}</{tag}>" if tag else f"{text}\n")
    return f"<details><summary>diff</summary><pre>{''.join(lines)}</pre></details>"
