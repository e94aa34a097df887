"""What a report's text is made of, before it is Markdown or HTML. All of it is plain text."""

from __future__ import annotations

from typing import NamedTuple

from engine.report.model import NextStep


class Text(NamedTuple):
    """A paragraph."""

    text: str


class Items(NamedTuple):
    """A list, each with the command that does it, if one does."""

    items: tuple[NextStep, ...]
    numbered: bool = False


class Grid(NamedTuple):
    """A table."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    """The columns of numbers."""


Block = Text | Items | Grid


class ReportSection(NamedTuple):
    """A part of a report."""

    title: str
    blocks: tuple[Block, ...]
