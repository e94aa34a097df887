"""The verb `decisions`: who decided what, when and why, from the first event of the journal on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import click

from engine.client import connection as client
from engine.client import journal_events as history
from engine.core import events as ev
from tui.commands.options import json_option, workspace_option
from tui.commands.reporter import one_line
from tui.commands.results import terminal_width
from tui.commands.show import print_json
from tui.present.decisions import DecisionLine, decision_in


class Entry(NamedTuple):
    """A line of the audit."""

    seq: int
    at: datetime
    decided: DecisionLine
    patch_id: str
    experiment: int
    """What it was about, or what came of it; 0: none."""
    hypothesis: str


@click.command()
@click.option("--tag", help="Of an earlier session.")
@workspace_option
@json_option
def decisions(tag: str | None, path: Path, as_json: bool) -> None:
    """Every decision of the session: when, what, through what, and why.

    The source is `screen`, `command line`, `file` (program.md in any editor), `timeout` (nobody
    answered) or `policy` (what autonomy and the risk check asked for).
    """
    workspace = client.find_workspace(path)
    session = client.read_session(workspace, tag)
    entries = entries_of(history.events_of(workspace, session.config.tag))
    if as_json:
        print_json({"decisions": [entry_facts(e) for e in entries]})
    elif not entries:
        click.echo("Nothing was decided by a person yet.")
    else:
        width = terminal_width()
        day = None
        for entry in entries:
            local = entry.at.astimezone()
            if local.date() != day:
                day = local.date()
                click.echo(f"{local:%d %B %Y}")
            for line in textwrap.wrap(entry_line(entry), width, subsequent_indent=" " * 10):
                click.echo(line)


def entries_of(events: Iterable[ev.AnyEvent]) -> list[Entry]:
    """The decisions among a session's events, each with what it was about and what came of it."""
    found: list[tuple[ev.AnyEvent, DecisionLine, str]] = []
    patches: dict[int, ev.Proposal] = {}
    became: dict[int, int] = {}
    pinned: dict[int, int] = {}
    tried: dict[int, ev.Proposal] = {}
    for event in events:
        match event:
            case ev.ProposalQueued() | ev.ProposalEdited():
                patches[event.queued] = event.proposal
            case ev.ProposalDrafted():
                tried[event.experiment] = event.proposal
                if event.queued:
                    became[event.queued] = event.experiment
                if event.pin:
                    pinned.setdefault(event.pin, event.experiment)
            case _:
                pass
        decided = decision_in(event)
        if decided is not None:
            about = patches.get(decided.queued)
            patch = decided.patch_id or (about.patch_id if about is not None else "")
            found.append((event, decided, patch))
    entries = []
    for event, decided, patch in found:
        number = decided.experiment or became.get(decided.queued, 0) or pinned.get(decided.pin, 0)
        proposal = patches.get(decided.queued) or tried.get(decided.experiment)
        hypothesis = proposal.hypothesis if proposal is not None else ""
        if decided.what.startswith("changed program"):
            hypothesis = ""
        entries.append(Entry(event.seq, event.at, decided, patch, number, hypothesis))
    return entries


def entry_facts(entry: Entry) -> dict[str, Any]:
    """An entry as plain values."""
    d = entry.decided
    return {
        "seq": entry.seq,
        "at": entry.at.isoformat(),
        "what": d.what,
        "by": d.by,
        "reason": d.reason,
        "text": d.text,
        "patch_id": entry.patch_id or None,
        "queued": d.queued or None,
        "pin": d.pin or None,
        "experiment": entry.experiment or None,
        "hypothesis": entry.hypothesis,
    }


def entry_line(entry: Entry) -> str:
    """An entry for a person: time, source, what, about what, why."""
    return f"{entry.at.astimezone():%H:%M:%S}  {entry.decided.by:<12}  {words_of(entry)}"


def words_of(entry: Entry) -> str:
    """What was decided and why, on one line."""
    d = entry.decided
    parts = [d.what]
    if d.pin:
        parts.append(f"pin {d.pin}")
    if entry.patch_id:
        parts.append(entry.patch_id)
    if entry.experiment:
        word = "from" if d.what.startswith("changed program") else "→" if d.queued or d.pin else ""
        parts.append(f"{word} #{entry.experiment}".strip())
    line = one_line(" ".join(parts))
    about = d.text or entry.hypothesis
    line += f": {one_line(about, 100)}" if about else ""
    return line + (f" (why: {one_line(d.reason)})" if d.reason else "")
