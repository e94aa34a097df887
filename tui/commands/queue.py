"""The verb `queue`: lists proposals that wait for a decision or run next, and pins; shows one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine.client.candidate import candidate_file
from engine.client.sessions import find_workspace
from engine.core.errors import UsageError, WorkspaceError
from engine.core.patches.patch import make_patch
from engine.core.records import Queued
from engine.core.session import Session
from engine.core.text import one_line, plural, sanitize
from tui.commands.assess import spans
from tui.commands.options import json_option, workspace_option
from tui.commands.output import echo, print_json, style
from tui.commands.results import terminal_width
from tui.commands.show import print_diff, read_now
from tui.commands.waiting import (
    find,
    pin_facts,
    pin_lines,
    queued_facts,
    queued_lines,
)
from tui.present.decisions import record_text
from tui.present.proposal import origin_text

_WEIGHTS = {"block": "red", "ask": "yellow", "note": "cyan"}


@click.command()
@click.argument("arguments", metavar="[show] [PATCH_ID|NUMBER]", nargs=-1)
@click.option("--diff", "only_diff", is_flag=True, help="Print only the diff of a proposal.")
@workspace_option
@json_option
def queue(arguments: tuple[str, ...], only_diff: bool, path: Path, as_json: bool) -> None:
    """List what waits for your decision, what is next and your pins.

    With a PATCH_ID, its first four characters or more, or a NUMBER: show that proposal with its
    diff. Decide with `approve`, `veto` and `edit`.
    """
    name = arguments[1:] if arguments[:1] == ("show",) else arguments
    if len(name) > 1 or (arguments and not name) or (only_diff and not name):
        raise UsageError(
            "One proposal can be shown at a time.", "", "See `autoresearch-tui queue`."
        )
    now = read_now(path)
    session, pid = now.session, now.pid
    if name:
        workspace = find_workspace(path)
        _show(workspace, session, find(session, name[0]), only_diff=only_diff, as_json=as_json)
    elif as_json:
        print_json(queue_facts(session, pid))
    else:
        for line in queue_lines(session, terminal_width(), engine=pid is not None):
            echo(line)


def queue_facts(session: Session, pid: int | None) -> dict[str, Any]:
    """Return queued proposals and waiting pins as plain values for JSON, in their order.

    Args:
        session: The session's state.
        pid: The engine's process id; None where no engine runs.
    """
    return {
        "engine_pid": pid,
        "autonomy": session.autonomy.value,
        "waiting": [queued_facts(q) for q in session.in_question],
        "held": [{"experiment": e.number, "why": list(e.surprises)} for e in session.held],
        "next": [queued_facts(q) for q in session.ready],
        "pins": [pin_facts(p) for p in session.waiting_pins],
    }


def queue_lines(session: Session, width: int, *, engine: bool) -> list[str]:
    """Return queued proposals and waiting pins as lines of text, with the verbs to decide.

    Args:
        session: The session's state.
        width: The width of the terminal in cells.
        engine: Whether an engine is running.
    """
    lines: list[str] = []
    waiting = session.in_question
    if waiting:
        proposals = plural(len(waiting), "proposal waits", "proposals wait")
        lines.append(f"{proposals} for your decision ({session.autonomy.value}):")
        for queued in waiting:
            lines += queued_lines(queued, width)
    else:
        lines.append(f"Nothing waits for your decision ({session.autonomy.value}).")
    for held in session.held:
        why = one_line("; ".join(held.surprises))
        lines.append(f"Experiment {held.number} is surprisingly good: {why}.")
        lines.append(f'  overrule {held.number} keep|discard --reason "…"')
    if session.ready:
        lines.append("Next:")
        for queued in session.ready:
            lines += queued_lines(queued, width)
    drafted = {q.pin for q in session.queue}
    pins = [p for p in session.waiting_pins if p.number not in drafted]
    if pins:
        lines.append("Pinned, to be tried next:")
        lines += pin_lines(pins, width)
    if waiting:
        first = waiting[0].proposal.patch_id
        verbs = (
            f"queue {first[:6]} · edit {first[:6]}",
            f'approve {first[:6]} · veto {first[:6]} --reason "…"',
        )
        lines += verbs if width < 80 else [" · ".join(verbs)]
    if not engine:
        lines.append("No engine is at work; decide once it runs: autoresearch-tui start")
    return lines


def _show(
    workspace: Path, session: Session, queued: Queued, *, only_diff: bool, as_json: bool
) -> None:
    diff, stale = diff_now(workspace, session, queued)
    if as_json:
        facts = {
            **queued_facts(queued),
            "rationale": queued.proposal.rationale,
            "expected": queued.proposal.expected,
            "reasoning": queued.reasoning,
            "base": queued.base,
            "fits_frontier": not stale,
            "decisions": [
                {"at": d.at.isoformat(), "what": d.text, "by": d.by, "reason": d.reason}
                for d in queued.decisions
            ],
            "diff": diff,
        }
        print_json(facts)
        return
    if only_diff:
        echo(sanitize(diff), nl=False)
        return
    for line in _story(queued, stale=stale):
        echo(line)
    print_diff(diff)


def diff_now(workspace: Path, session: Session, queued: Queued) -> tuple[str, bool]:
    """Return a queued proposal's diff against the frontier, and whether it is stale.

    A stale one does not fit the frontier: the diff against its own base, and True.
    """
    try:
        before, after, _ = candidate_file(workspace, session, queued)
    except WorkspaceError:
        return queued.patch, True
    diff = make_patch(session.config.file, before, after)
    return diff, False


def _story(queued: Queued, *, stale: bool) -> list[str]:
    p = queued.proposal
    head, *_ = queued_lines(queued, 200)
    lines = [head.strip(), one_line(p.hypothesis)]
    for name, text in (
        ("brought by", origin_text(queued)),
        ("category", p.category),
        ("expected", p.expected),
        ("because", p.rationale),
        ("asked", queued.why),
    ):
        if text:
            lines.append(f"  {name}: {one_line(text)}")
    if stale:
        lines.append("  It does not fit the current best version.")
    for finding in queued.findings:
        weight = style(finding.weight.value, fg=_WEIGHTS[finding.weight.value])
        where = f", line {spans(finding.lines)}" if finding.lines else ""
        lines.append(f"  {weight}{where}: {one_line(finding.message)}")
    for d in queued.decisions:
        lines.append(f"  {d.at.astimezone():%H:%M:%S} {one_line(record_text(d))}")
    return lines
