"""The verbs that put kept edits on a new branch (`merge`) or undo one (`revert`)."""

from __future__ import annotations

from pathlib import Path

import click

from engine.client.sessions import find_workspace, read_session
from engine.core.enums import Verdict
from engine.core.errors import AutoresearchError, UsageError
from engine.core.session import Session
from engine.core.text import one_line, plural, sanitize
from engine.merge import (
    BranchStep,
    ConflictError,
    KeepSelection,
    MergeMethod,
    MergePlan,
    make_branch,
    plan_merge,
    preview_revert,
    select_steps,
)
from engine.protocol import commands
from tui.commands.bare_table import explain_bare_table
from tui.commands.control import json_errors, send_and_print
from tui.commands.merge_lines import (
    conflict_facts,
    conflict_lines,
    merged_facts,
    merged_lines,
    plan_facts,
    plan_lines,
    revert_lines,
)
from tui.commands.options import json_option, tag_option, workspace_argument, workspace_option
from tui.commands.output import confirm_or_abort, echo, print_json
from tui.commands.results import terminal_width


@click.command()
@workspace_argument
@tag_option
@click.option(
    "--onto", metavar="BRANCH", help="The base branch; by default the one the session started from."
)
@click.option("--as", "--branch", "branch", metavar="BRANCH", help="The new branch (TAG-merged).")
@click.option(
    "--how",
    type=click.Choice([how.value for how in MergeMethod]),
    help="Make the branch: one commit, the same commits, or copies of them.",
)
@click.option("--only", metavar="N,N,…", help="Only these experiments.")
@click.option("--trusted", is_flag=True, help="Only gains above the noise.")
@click.option("--all", "everything", is_flag=True, help="Everything kept.")
@click.option("--with-program", is_flag=True, help="The versions of program.md as well.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def merge(
    path: Path,
    tag: str | None,
    onto: str | None,
    branch: str | None,
    how: str | None,
    only: str | None,
    trusted: bool,
    everything: bool,
    with_program: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Show what each keep is worth; with --how, put it on a branch.

    The branch starts from the base branch and is made in a worktree of its own. Your checkout, your
    index and your branches stay as they are. If a commit does not fit, the conflict is shown and no
    branch is made.
    """
    if sum((only is not None, trusted, everything)) > 1:
        raise click.UsageError("Only one of --only, --trusted and --all.")
    with json_errors(as_json):
        workspace = find_workspace(path)
        plan = plan_merge(workspace, _session(workspace, tag), onto)
        numbers = _numbers(only)
        choice = (
            KeepSelection.ONLY
            if numbers
            else KeepSelection.TRUSTED
            if trusted
            else KeepSelection.ALL
        )
        if not (numbers or trusted or everything):
            choice = plan.recommended
        asked = how is not None or numbers or trusted
        program = with_program
        steps = (
            select_steps(plan, choice, numbers, with_program=program) if asked or plan.keeps else ()
        )
        target = branch or f"{plan.tag}-merged"
        if how is not None and not yes:
            commits = plural(len(steps), "commit")
            question = f"Make branch {target} from {plan.onto} with {commits}?"
            confirm_or_abort(question, "The new branch", as_json=as_json)
    if how is None:
        _show(plan, steps, as_json=as_json)
    else:
        _make(workspace, plan, steps, MergeMethod(how), target, as_json=as_json)


def _show(plan: MergePlan, steps: tuple[BranchStep, ...], *, as_json: bool) -> None:
    if as_json:
        print_json(plan_facts(plan, steps))
        return
    for line in plan_lines(plan, terminal_width()):
        echo(line)
    if plan.keeps:
        echo("Make a branch of it: add --how squash, --how rebase or --how pick.")


def _make(
    workspace: Path,
    plan: MergePlan,
    steps: tuple[BranchStep, ...],
    how: MergeMethod,
    target: str,
    *,
    as_json: bool,
) -> None:
    try:
        merged = make_branch(workspace, plan, steps, how, target)
    except ConflictError as error:
        if as_json:
            print_json(conflict_facts(error))
        else:
            for line in conflict_lines(error, plan.onto):
                echo(line)
        raise
    except AutoresearchError as error:
        if as_json:
            print_json({"ok": False, "message": one_line(str(error))})
        raise
    if as_json:
        print_json(merged_facts(merged, plan))
        return
    for line in merged_lines(merged, plan):
        echo(line)


def _numbers(only: str | None) -> tuple[int, ...]:
    if only is None:
        return ()
    numbers = [number.strip().lstrip("#") for number in only.split(",") if number.strip()]
    if not numbers or not all(number.isdecimal() for number in numbers):
        raise UsageError("--only needs numbers of experiments, such as 4,7,12.")
    return tuple(int(number) for number in numbers)


def _session(workspace: Path, tag: str | None) -> Session:
    todo = (
        "A table alone is not enough to merge. Continue its branch autoresearch/TAG with "
        "`autoresearch-tui start --adopt TAG` first."
    )
    with explain_bare_table(workspace, tag, todo):
        return read_session(workspace, tag)


@click.command()
@click.argument("number", type=click.IntRange(1))
@tag_option
@click.option(
    "--dry-run/--now", default=True, help="Only show it (the default), or have the engine do it."
)
@click.option("--reason", help="Why, for --now; the agent gets this reason, and it is recorded.")
@workspace_option
@json_option
def revert(
    number: int, tag: str | None, dry_run: bool, reason: str | None, path: Path, as_json: bool
) -> None:
    """Show which later keeps depend on a keep, and how to undo it."""
    with json_errors(as_json):
        workspace = find_workspace(path)
        session = _session(workspace, tag)
        found = preview_revert(workspace, session, number)
        why = sanitize(reason or "").strip()
        if not dry_run and not why:
            raise UsageError("Undoing a keep needs a reason.", "", 'Add --reason "…".')
    if not dry_run:
        command = commands.OverruleVerdict(experiment=number, verdict=Verdict.DISCARD, reason=why)
        send_and_print(path, command, as_json=as_json)
        return
    if as_json:
        print_json(
            {
                "experiment": number,
                "commit": found.step.commit,
                "later": [step.experiment for step in found.later],
                "stand_on_it": list(found.dependents),
                "changed_again_by": found.changed_again_by or None,
                "fits": found.fits,
                "is_best": found.is_last,
                "commit_before": found.base,
            }
        )
        return
    for line in revert_lines(found, session.direction, terminal_width()):
        echo(line)
