"""Writes a report's files: the summary, the pictures and the page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from engine.core.errors import EnvironmentProblem, WorkspaceError
from engine.report.card import card_png
from engine.report.chart import chart_png
from engine.report.markdown import SUMMARY, markdown
from engine.report.model import ReportFacts
from engine.report.page import page
from engine.report.svg import chart_file
from engine.store.durable import write_durably


class Format(StrEnum):
    """A file that a report can consist of: summary, picture (PNG or SVG), share card or page."""

    MD = "md"
    PNG = "png"
    SVG = "svg"
    CARD = "card"
    HTML = "html"


NAMES: dict[Format, str] = {
    Format.MD: SUMMARY,
    Format.PNG: "progress.png",
    Format.SVG: "progress.svg",
    Format.CARD: "card.png",
    Format.HTML: "report.html",
}


class WrittenReport(NamedTuple):
    """The paths of a report's written files, and why others were not written."""

    paths: tuple[Path, ...]
    error: str
    """Why some pictures could not be drawn; empty if all were."""


def write_report(
    facts: ReportFacts,
    patches: Mapping[int, str],
    directory: Path,
    formats: Collection[Format] = tuple(Format),
) -> WrittenReport:
    """Write a report's files into a directory, replacing those of an earlier report.

    A PNG picture that cannot be drawn is left out, and the result says why.

    Args:
        facts: The facts of the session or table.
        patches: Diffs by experiment number, for the page.
        directory: The directory, created if it is missing.
        formats: The formats to write.

    Raises:
        EnvironmentProblem: Only PNG pictures were requested, and matplotlib is not installed.
        WorkspaceError: The directory cannot be written.
    """
    writers: dict[Format, Callable[[], bytes]] = {
        Format.MD: lambda: markdown(facts).encode("utf-8", "replace"),
        Format.PNG: lambda: chart_png(facts),
        Format.SVG: lambda: chart_file(facts).encode("utf-8", "replace"),
        Format.CARD: lambda: card_png(facts),
        Format.HTML: lambda: page(facts, patches).encode("utf-8", "replace"),
    }
    paths: list[Path] = []
    missing: EnvironmentProblem | None = None
    for kind in Format:
        if kind not in formats:
            continue
        try:
            data = writers[kind]()
        except EnvironmentProblem as error:
            missing = error
            continue
        paths.append(_write(directory, NAMES[kind], data))
    if missing is not None and not paths:
        raise missing
    return WrittenReport(tuple(paths), str(missing) if missing is not None else "")


def _write(directory: Path, name: str, data: bytes) -> Path:
    path = directory / name
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_durably(path, data)
        path.chmod(0o644)
    except OSError as error:
        raise WorkspaceError(
            f"{error.filename or path} cannot be written.",
            f"{error.strerror or error}.",
            "Name another directory with --out.",
        ) from error
    return path
