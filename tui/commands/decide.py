"""The verbs that decide about a queued proposal: approve, veto, edit."""

from __future__ import annotations

from pathlib import Path

import click

from engine.client.candidate import candidate_file
from engine.client.request import send_command
from engine.client.sessions import find_workspace
from engine.core.errors import AutoresearchError, UsageError
from engine.core.session import Session
from engine.core.text import sanitize, short_id
from engine.protocol import commands
from tui.commands.control import (
    json_errors,
    make_and_send,
    print_answer,
    send_and_print,
    session_of_engine,
)
from tui.commands.edited_file import check_edit, edited_file
from tui.commands.options import PathType, json_option, workspace_option
from tui.commands.waiting import choose
from tui.terminal import external_editor as editor

_patch_argument = click.argument("patch", metavar="[PATCH_ID]", required=False)


@click.command()
@_patch_argument
@workspace_option
@json_option
def approve(patch: str | None, path: Path, as_json: bool) -> None:
    """Let exactly this patch run. PATCH_ID may be left out if only one waits."""

    def make(session: Session) -> commands.AnyCommand:
        return commands.ApproveProposal(patch_id=choose(session, patch, verb="approve"))

    make_and_send(path, make, as_json=as_json)


@click.command()
@_patch_argument
@click.option("--reason", help="Why it is not wanted; the agent gets this reason.")
@click.option(
    "--run", "number", type=click.IntRange(1), help="Veto the experiment that is running."
)
@workspace_option
@json_option
def veto(
    patch: str | None, reason: str | None, number: int | None, path: Path, as_json: bool
) -> None:
    """Do not run this patch, or one like it. PATCH_ID may be left out if only one waits.

    With --run N the run of experiment N is killed, and its idea counts as not wanted.
    """
    with json_errors(as_json):
        if number is not None and patch is not None:
            raise UsageError("Name a PATCH_ID or --run N, not both.")
        why = sanitize(reason or "").strip()
        if not why:
            raise UsageError(
                "A veto needs a reason, which the agent gets.",
                "",
                'Add --reason "…".',
            )
    if number is not None:
        send_and_print(path, commands.KillRun(experiment=number, reason=why), as_json=as_json)
        return

    def make(session: Session) -> commands.AnyCommand:
        chosen = choose(session, patch, verb="veto")
        return commands.VetoProposal(patch_id=chosen, reason=why)

    make_and_send(path, make, as_json=as_json)


@click.command()
@_patch_argument
@click.option(
    "--from",
    "source",
    metavar="FILE",
    type=PathType(),
    help="The whole edited file, or a diff of it as `queue PATCH_ID --diff` prints it; - reads "
    "standard input.",
)
@workspace_option
@json_option
def edit(patch: str | None, source: Path | None, path: Path, as_json: bool) -> None:
    """Change a proposal's edit, which is then assessed again.

    It gets a new PATCH_ID. Opens $VISUAL or $EDITOR on the file as the proposal would leave it,
    unless --from names the text.
    """
    with json_errors(as_json):
        session = session_of_engine(path)
        patch_id = choose(session, patch, verb="edit")
        queued = next((q for q in session.queue if q.proposal.patch_id == patch_id), None)
        if queued is None:
            raise AutoresearchError(
                f"No proposal with the patch {short_id(patch_id)} waits for a decision.",
                "It was edited, dropped or decided meanwhile.",
                "See `autoresearch-tui queue`.",
            )
        workspace = find_workspace(path)
        file = session.config.file
        before, after, base = candidate_file(workspace, session, queued)
        if source is not None:
            text = edited_file(editor.read_source(source), before, file)
            check_edit(before, text, file)
            message = _send(path, patch_id, text, base)
        else:
            message = _edit_in_editor(path, patch_id, after, file, base)
    print_answer(message, as_json=as_json)


def _edit_in_editor(path: Path, patch_id: str, candidate: str, file: str, base: str) -> str:
    """Open the file with the proposal applied in the user's editor, and send the edited text.

    Args:
        path: The workspace, or a directory in it.
        patch_id: The proposal's patch.
        candidate: The file's text with the proposal applied.
        file: The name of the editable file.
        base: The commit that the text is based on.

    Returns:
        The engine's reply, or that nothing was changed.

    Raises:
        AutoresearchError: The text was rejected; the error says where a copy is kept.
    """
    alternative = "Or give the edited file with --from FILE."
    retry = f"autoresearch-tui edit {short_id(patch_id)} --from {{copy}}"
    with editor.edited_copy(candidate, file, alternative, retry) as text:
        if text == candidate:
            return "You changed nothing; the proposal waits as before."
        if not text.strip():
            raise UsageError("The text is empty.")
        check_edit(candidate, text, file)
        return _send(path, patch_id, text, base)


def _send(path: Path, patch_id: str, text: str, base: str) -> str:
    command = commands.EditProposal(patch_id=patch_id, source=text, base=base)
    reply = send_command(find_workspace(path), command)
    if not reply.ok:
        raise AutoresearchError(reply.message)
    return reply.message
