"""Defines the elements of a report's text, as plain text; rendered as Markdown and HTML."""

from __future__ import annotations

from typing import NamedTuple

from engine.report.model import NextStep


class Text(NamedTuple):
    """A paragraph of a report, as plain text without markup."""

    text: str


class Items(NamedTuple):
    """A list of steps or sentences, numbered or with bullets."""

    items: tuple[NextStep, ...]
    numbered: bool = False


class Grid(NamedTuple):
    """A table of a report: the titles of its columns, and the cells of each row."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    """Indices of the columns that hold numbers."""


Block = Text | Items | Grid


class ReportSection(NamedTuple):
    """A section of a report: its title, and the elements below it."""

    title: str
    blocks: tuple[Block, ...]
