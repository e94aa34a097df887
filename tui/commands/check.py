"""The verb `check`: prints what the machine has and lacks, or the end of the engine's log."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from engine.client.sessions import find_workspace
from engine.core.errors import WorkspaceError
from engine.core.layout import engine_log
from engine.core.text import one_line, sanitize
from engine.untrusted_files import open_regular
from tui.commands.options import json_option, workspace_argument
from tui.commands.output import echo, print_json

_LOG_LINES = 40
_LOG_BYTES = 64 * 1024


@click.command()
@workspace_argument
@click.option("--log", "show_log", is_flag=True, help="Print the end of the engine's log instead.")
@json_option
def check(path: Path, show_log: bool, as_json: bool) -> None:
    """Show what this machine has and what it lacks.

    The exit code is 1 if something needed is missing. With --log: the last lines of the engine's
    log, which tells of connections, retries, restarts and what agents print to stderr.
    """
    if show_log:
        _show_log(path, as_json=as_json)
    elif not _show_machine(path, as_json=as_json):
        sys.exit(1)


def _show_machine(path: Path, *, as_json: bool) -> bool:
    from engine.setup.doctor import examine

    health = examine(path)
    if as_json:
        print_json(
            {
                "ready": health.ready,
                "platform": health.platform,
                "findings": [
                    {"name": f.name, "ok": f.ok, "value": f.value, "todo": f.todo}
                    for f in health.findings
                ],
            }
        )
        return health.ready
    p = health.platform
    echo(f"{p.system} · {one_line(p.cpu)} · {p.cores} cores · {p.ram_bytes / 2**30:.0f} GiB RAM")
    for finding in health.findings:
        mark = {True: "✓", False: "✗", None: "·"}[finding.ok]
        echo(f" {mark} {finding.name:<10} {one_line(finding.value)}")
        if finding.todo:
            echo(f"     {finding.todo}")
    return health.ready


def _show_log(path: Path, *, as_json: bool) -> None:
    log = engine_log(find_workspace(path))
    lines = _last_lines(log)
    if as_json:
        print_json({"path": str(log), "lines": lines})
        return
    echo(f"The end of {one_line(str(log))}:", err=True)
    for line in lines:
        echo(line)


def _last_lines(log: Path) -> list[str]:
    """Return the last 40 lines of the engine's log file, sanitized.

    Raises:
        WorkspaceError: There is no log, or it cannot be read.
    """
    try:
        with open(open_regular(log), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - _LOG_BYTES)
            file.seek(start)
            data = file.read()
    except FileNotFoundError:
        raise WorkspaceError(
            f"There is no engine log in {log.parent.parent}.",
            "The first engine of a workspace creates it.",
            "Start one with `autoresearch-tui start`, or name another workspace.",
        ) from None
    except OSError as error:
        raise WorkspaceError(f"{log} cannot be read.", f"{error.strerror}.") from None
    lines = data.decode("utf-8", "replace").splitlines()
    if start:
        del lines[0]  # it may be cut
    return [sanitize(line) for line in lines[-_LOG_LINES:]]
