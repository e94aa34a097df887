"""Formats a report's summary as Markdown, in which untrusted text never becomes markup."""

from __future__ import annotations

import re

from engine.report.blocks import Block, Grid, Items, ReportSection, Text
from engine.report.model import ReportFacts
from engine.report.sections import closing, headline, lead, sections

SUMMARY = "autoresearch-summary.md"
# An underscore within a word is not emphasis; unescaped, val_bpb stays readable in a terminal.
_SPECIAL = re.compile(r"[\\`*{}\[\]<>#|~!$&@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LINKS = re.compile(r"://|(?<=www)\.", re.I)


def escape(text: str) -> str:
    """Return a text with Markdown's markup, links, entities, formulas and mentions escaped."""
    escaped = _SPECIAL.sub(lambda found: f"\\{found[0]}", text)
    # Addresses that GitHub turns into links by itself.
    return _LINKS.sub(lambda found: f"\\{found[0]}", escaped)


def markdown(facts: ReportFacts, *, progress: bool = False) -> str:
    """Return the summary of a session or table as Markdown.

    Args:
        facts: The facts of the session or table.
        progress: Whether the session continues, so that the title says `Progress`.
    """
    kind = f"Progress after {facts.counts.total} experiments" if progress else "Summary"
    parts = [
        f"# {kind}: {escape(facts.name)}",
        f"**{escape(headline(facts))}**",
        escape(lead(facts)),
    ]
    parts += [_section(section) for section in sections(facts)]
    parts.append(f"*{escape(closing(facts))}*")
    return "\n\n".join(parts) + "\n"


def _section(section: ReportSection) -> str:
    return "\n\n".join((f"## {escape(section.title)}", *map(_block, section.blocks)))


def _block(block: Block) -> str:
    match block:
        case Text():
            return _start(escape(block.text))
        case Items():
            lines = []
            for i, step in enumerate(block.items, 1):
                mark = f"{i}." if block.numbered else "-"
                command = f" `{step.command}`" if step.command else ""
                lines.append(f"{mark} {_start(escape(step.text))}{command}")
            return "\n".join(lines)
        case Grid():
            return _grid(block)


def _grid(grid: Grid) -> str:
    head = [escape(cell) for cell in grid.head]
    rule = ["---:" if i in grid.numeric else "---" for i in range(len(head))]
    rows = [[escape(cell) for cell in row] for row in grid.rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def _start(text: str) -> str:
    """Return a paragraph with its beginning escaped, so that it does not become a list or rule."""
    return re.sub(r"^(?:([-+=])|(\d+)([.)]))", r"\\\1" if text[:1] in "-+=" else r"\2\\\3", text)
