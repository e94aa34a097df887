"""The verb `decisions`: lists who decided what in a session, when and why."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import click

from engine.client.sessions import find_workspace, read_session, session_events
from engine.core.text import one_line
from tui.commands.options import json_option, tag_option, workspace_option
from tui.commands.output import echo, print_json
from tui.commands.results import terminal_width
from tui.present.decisions import AuditEntry, audit_of


@click.command()
@tag_option
@workspace_option
@json_option
def decisions(tag: str | None, path: Path, as_json: bool) -> None:
    """List every decision: when, what, by whom and why.

    The source is `screen`, `command line`, `file` (program.md in any editor), `timeout` (no
    answer) or `policy` (what autonomy and the risk check asked for).
    """
    workspace = find_workspace(path)
    session = read_session(workspace, tag)
    entries = audit_of(session_events(workspace, session.config.tag))
    if as_json:
        print_json({"decisions": [_facts(entry) for entry in entries]})
    elif not entries:
        echo("No decision was made yet.")
    else:
        width = terminal_width()
        day = None
        for entry in entries:
            local = entry.at.astimezone()
            if local.date() != day:
                day = local.date()
                echo(f"{local:%d %B %Y}")
            for line in textwrap.wrap(_line(entry), width, subsequent_indent=" " * 10):
                echo(line)


def _facts(entry: AuditEntry) -> dict[str, Any]:
    decision = entry.decision
    return {
        "seq": entry.seq,
        "at": entry.at.isoformat(),
        "what": decision.what,
        "by": decision.by,
        "reason": decision.reason,
        "text": decision.subject,
        "patch_id": decision.patch_id or None,
        "queued": decision.queued or None,
        "pin": decision.pin or None,
        "experiment": decision.experiment or None,
        "hypothesis": entry.hypothesis,
    }


def _line(entry: AuditEntry) -> str:
    return f"{entry.at.astimezone():%H:%M:%S}  {entry.decision.by:<12}  {one_line(entry.text)}"
