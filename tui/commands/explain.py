"""The verb `explain`: prints what any log says about its run, with the lines that show it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.core.errors import UsageError
from engine.core.text import one_line, plural
from tui.commands.options import PathType, json_option
from tui.commands.output import echo, print_json, style
from tui.commands.session_options import setting_option

if TYPE_CHECKING:
    from engine.core.config import ResearchConfig
    from engine.core.explanation import Candidate, Explanation
    from engine.core.run_log.reader import RunLog

_CHUNK_BYTES = 1 << 20
_BEGINNING_BYTES = 8 << 20
_END_BYTES = 24 << 20
"""Bytes at the end of a log that are read; with those at its beginning, some seconds' work."""
_SHOWN_CANDIDATES = 20
_SHOWN_FIGURES = 24
_LABEL_CELLS = 11
_COLOURS = {"finished": "green", "interrupted": "yellow", "environment": "yellow"}


@click.command()
@click.argument("log", metavar="RUN.LOG", type=PathType())
@click.option(
    "--exit-code",
    type=int,
    metavar="N",
    help="The exit code of the run, negative for a signal; by default what the log suggests.",
)
@click.option("--metric", metavar="NAME", help="The metric's name; by default val_bpb, if any.")
@setting_option("metric_from")
@setting_option("metric_pick")
@setting_option("direction")
@json_option
def explain(
    log: Path,
    exit_code: int | None,
    metric: str | None,
    metric_from: str | None,
    metric_pick: str | None,
    direction: str | None,
    as_json: bool,
) -> None:
    """Say how the run of a log ended, its metric, and why.

    Shows the outcome with the lines that tell it, every line that names the metric and which of
    them counts, the summary and the progress. The log may be of any training script; a session
    reads the log of each run in the same way.
    """
    from engine.core.config import ResearchConfig
    from engine.core.config_toml import check_config
    from engine.core.enums import Direction
    from engine.core.explanation import explain as explain_log

    config = ResearchConfig(
        metric=metric or ResearchConfig().metric,
        metric_from=metric_from or "",
        metric_pick=metric_pick or "last",
        direction=Direction(direction or "min"),
    )
    check_config(config, "The command line")
    parsed, size, skipped = _parse(log, config)
    asks = bool(metric or metric_from)
    found = explain_log(parsed, exit_code, asks_metric=asks)
    if as_json:
        facts = {"file": str(log), "bytes": size, "bytes_skipped": skipped}
        print_json({**facts, "lines": parsed.line_count, "run": found})
        return
    echo(f"{one_line(str(log))}: {size:,} bytes, {plural(parsed.line_count, 'line')}")
    if skipped:
        echo(f"{skipped:,} bytes in the middle are not read, and their lines are not counted.")
    for line in _lines(found):
        echo(line)


def _parse(path: Path, config: ResearchConfig) -> tuple[RunLog, int, int]:
    """Parse a log, and the file that holds the metric if the config names one.

    Returns:
        The parsed log, its size in bytes, and how many of them in the middle were skipped.

    Raises:
        UsageError: The log cannot be read.
    """
    from engine.core.run_log.reader import RunLog
    from engine.store.metric_file import MOST_BYTES
    from engine.untrusted_files import open_regular, read_regular

    log, skipped = RunLog(config.metric_rule), 0
    try:
        with open(open_regular(path, follow=True), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            while data := file.read(_CHUNK_BYTES):
                log.feed(data)
                rest = size - file.tell() - _END_BYTES
                if not skipped and file.tell() >= _BEGINNING_BYTES and rest > 0:
                    log.skip()
                    skipped = rest
                    file.seek(rest, os.SEEK_CUR)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read.", f"{why}.") from None
    log.finish()
    name = config.metric_rule.file
    if name:
        try:
            text = read_regular(Path(name), MOST_BYTES, follow=True).decode("utf-8-sig", "replace")
        except OSError as error:
            log.metric_reader.refuse(f"{name} is not read: {error.strerror}")
        else:
            log.metric_reader.read_file(text)
    return log, size, skipped


def _lines(found: Explanation) -> Iterator[str]:
    """Yield the explanation as lines: outcome, evidence, metric, candidates, summary, progress."""
    word = found.outcome.value if found.outcome is not None else "unknown"
    code = "no exit code is given"
    if found.exit_code is not None:
        origin = "" if found.exit_code_given else ", as the log suggests"
        code = f"exit code {found.exit_code}{origin}"
    head = style(word, bold=True, fg=_COLOURS.get(word, "red"))
    yield _row("outcome", f"{head} ({code})")
    for line in found.detail.splitlines():
        yield _row("", line.rstrip())
    if found.todo:
        yield _row("to do", one_line(found.todo))
    for number, item in enumerate(found.evidence):
        yield _row("evidence" if number == 0 else "", _numbered(item.line, item.text))
    value = "none" if found.value is None else f"{found.value:.10g}"
    yield _row("metric", f"{one_line(found.metric)} {style(value, bold=True)}")
    yield _row("", f"read as {found.metric_rule}")
    yield _row("", one_line(found.reason, 300))
    if found.value is None and not found.candidates and found.summary:
        yield _row("", "--metric NAME reads a figure below, or another that the log prints")
    yield from _candidate_lines(found.candidates)
    if found.summaries > 1:
        yield _row("summaries", f"{found.summaries}; a run prints one")
    figures = list(found.summary.items())
    for number, (key, text) in enumerate(figures[-_SHOWN_FIGURES:]):
        yield _row("summary" if number == 0 else "", f"{one_line(key)}: {one_line(text, 80)}")
    if len(figures) > _SHOWN_FIGURES:
        yield _row("", f"and {len(figures) - _SHOWN_FIGURES} before these")
    yield _row("progress", found.progress or "no progress line")
    if found.curve:
        yield _row("curve", found.curve)


def _candidate_lines(candidates: tuple[Candidate, ...]) -> Iterator[str]:
    shown = candidates[-_SHOWN_CANDIDATES:]
    kept = [c for c in candidates[: -len(shown) or None] if c.counts and c not in shown][:1]
    for number, candidate in enumerate((*kept, *shown)):
        sign = style("●", fg="green") if candidate.counts else "·"
        reason = f"  ({one_line(candidate.reason)})" if candidate.reason else ""
        text = _numbered(candidate.line, candidate.text)
        yield _row("candidates" if number == 0 else "", f"{sign} {text}{style(reason, dim=True)}")
    if len(candidates) > len(shown):
        yield _row("", f"and {len(candidates) - len(shown) - len(kept):,} before these")


def _numbered(line: int, text: str) -> str:
    where = f"{line:>6}  " if line else ""
    return f"{where}{one_line(text, 110)}"


def _row(label: str, text: str) -> str:
    return f"{label:<{_LABEL_CELLS}} {text}".rstrip()
