"""The elements of a report's text, as plain text; rendered as Markdown and HTML."""

from __future__ import annotations

from typing import NamedTuple

from engine.report.model import NextStep


class Text(NamedTuple):
    """A paragraph."""

    text: str


class Items(NamedTuple):
    """A list of steps or sentences."""

    items: tuple[NextStep, ...]
    numbered: bool = False


class Grid(NamedTuple):
    """A table."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    """Indices of the columns that hold numbers."""


Block = Text | Items | Grid


class ReportSection(NamedTuple):
    """A titled part of a report."""

    title: str
    blocks: tuple[Block, ...]
