"""A report's files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from engine.core.errors import EnvironmentProblem, WorkspaceError
from engine.report.card import card_png
from engine.report.chart import chart_files
from engine.report.markdown import SUMMARY, markdown
from engine.report.model import ReportFacts
from engine.report.page import page
from engine.store.durable import write_durably


class Format(StrEnum):
    """What a report can be written as."""

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


class Written(NamedTuple):
    """What came of it."""

    paths: tuple[Path, ...]
    trouble: str
    """Why some of what was asked for could not be drawn; empty where all was."""


def write_report(
    facts: ReportFacts,
    patches: Mapping[int, str],
    directory: Path,
    formats: Collection[Format] = tuple(Format),
) -> Written:
    """Write the files into a directory, over those of an earlier report.

    Args:
        facts: Of the session or table.
        patches: By experiment its diff, for the page.
        directory: Made where it is missing.
        formats: Which files.

    Raises:
        EnvironmentProblem: Only pictures were asked for, and matplotlib is not installed.
        WorkspaceError: The directory cannot be written.
    """
    makers: dict[Format, Callable[[], bytes]] = {
        Format.MD: lambda: markdown(facts).encode("utf-8", "replace"),
        Format.PNG: lambda: chart_files(facts, png=True, svg=False)["png"],
        Format.SVG: lambda: chart_files(facts, png=False, svg=True)["svg"],
        Format.CARD: lambda: card_png(facts),
        Format.HTML: lambda: page(facts, patches).encode("utf-8", "replace"),
    }
    paths: list[Path] = []
    missing: EnvironmentProblem | None = None
    for kind in Format:
        if kind not in formats:
            continue
        try:
            data = makers[kind]()
        except EnvironmentProblem as error:
            missing = error
            continue
        paths.append(_put(directory, NAMES[kind], data))
    if missing is not None and not paths:
        raise missing
    return Written(tuple(paths), str(missing) if missing is not None else "")


def _put(directory: Path, name: str, data: bytes) -> Path:
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
