"""The verb `program`: prints program.md and its versions, or replaces it."""

from __future__ import annotations

from pathlib import Path

import click

from engine.client.candidate import file_at
from engine.client.request import send_command
from engine.client.sessions import (
    engine_pid,
    find_workspace,
    has_session,
    newest_tag,
    read_session,
    session_events,
)
from engine.core import events as ev
from engine.core.enums import PROGRAM
from engine.core.errors import AutoresearchError, UsageError, WorkspaceError
from engine.core.session import Session
from engine.core.text import one_line, sanitize
from engine.protocol.commands import AcceptProgram, AnyCommand, RefuseProgram
from engine.store import program_file as files
from tui.commands.control import json_errors, print_answer
from tui.commands.options import PathType, json_option, workspace_option
from tui.commands.output import echo, print_json
from tui.commands.show import print_diff, read_now
from tui.terminal import external_editor as editor

_LAST = 0


@click.command()
@click.option("--edit", "editing", is_flag=True, help="Open it in $VISUAL or $EDITOR.")
@click.option(
    "--set",
    "source",
    metavar="FILE",
    type=PathType(),
    help="Replace it with that file's text; - reads standard input.",
)
@click.option(
    "--diff",
    "version",
    type=click.IntRange(0),
    is_flag=False,
    flag_value=_LAST,
    metavar="[N]",
    help="What version N changed; the last one by default.",
)
@click.option("--accept", "accepted", is_flag=True, help="Use the file as it is on the disk.")
@click.option("--refuse", "refused", is_flag=True, help="Keep the version in force.")
@workspace_option
@json_option
def program(
    editing: bool,
    source: Path | None,
    version: int | None,
    accepted: bool,
    refused: bool,
    path: Path,
    as_json: bool,
) -> None:
    """Print program.md as it is in force, or change it.

    A change takes effect at the next proposal; the versions and their diffs are kept. Where another
    program changed the file while a run trained, which could have done it too, you are asked.
    """
    with json_errors(as_json):
        if editing + (source is not None) + (version is not None) + accepted + refused > 1:
            raise UsageError("Only one of --edit, --set, --diff, --accept and --refuse.")
        workspace = find_workspace(path)
        if editing:
            message = _edit(workspace)
        elif source is not None:
            message = _set(workspace, source)
        elif accepted:
            message = _accept(workspace, files.read_program(workspace).text)
        elif refused:
            message = _refuse(workspace)
        elif version is not None:
            _show_diff(workspace, version, as_json=as_json)
            return
        else:
            _show(workspace, read_now(workspace).session, as_json=as_json)
            return
    print_answer(message, as_json=as_json)


def _when(workspace: Path) -> str:
    if not has_session(workspace):
        return "It is in force once a session starts."
    number = len(read_session(workspace).experiments) + 1
    if engine_pid(workspace) is None:
        return f"It is in force once the engine runs again, from #{number} on."
    return f"It is in force from the next proposal on: #{number} or the one after it."


def _set(workspace: Path, source: Path) -> str:
    text = editor.read_source(source)
    return _write(workspace, text, _key(workspace))


def _key(workspace: Path) -> str:
    """Return the hash of the program.md now on disk, before it is changed; "" where there is none.

    Raises:
        WorkspaceError: The file cannot be read, or the directory has neither it nor a session.
    """
    try:
        key = files.read_program(workspace).key
    except WorkspaceError as error:
        raise WorkspaceError(
            error.what, error.why, f"Move {PROGRAM} away, or put its text back from git."
        ) from None
    if not key and not has_session(workspace):
        raise WorkspaceError(
            f"There is neither a session nor a {PROGRAM} in {workspace}.",
            "",
            "Name the workspace with -C.",
        )
    return key


def _write(workspace: Path, text: str, seen: str) -> str:
    if not text.strip():
        raise UsageError("The text is empty; nothing was written.")
    if files.program_key(text) == seen:
        return f"{PROGRAM} is that text already."
    if engine_pid(workspace) is not None:
        _accept(workspace, text)  # before it is written: no run did it
    files.write_program(workspace, text, seen)
    return f"{PROGRAM} was written. {_when(workspace)}"


def _accept(workspace: Path, text: str) -> str:
    """Have the engine use a text of program.md once the file has it, and return a message.

    Raises:
        AutoresearchError: No engine runs, or it refuses.
    """
    return _send(workspace, AcceptProgram(digest=files.program_digest(text)))


def _refuse(workspace: Path) -> str:
    question = read_now(workspace)[0].program_question
    if question is None:
        raise UsageError(f"There is no question about {PROGRAM}.")
    return _send(workspace, RefuseProgram(digest=question.digest))


def _send(workspace: Path, command: AnyCommand) -> str:
    reply = send_command(workspace, command)
    if not reply.ok:
        raise AutoresearchError(reply.message)
    return reply.message


def _edit(workspace: Path) -> str:
    """Open a copy of program.md in the user's editor, write the result, and return a message.

    A copy, so that no swap file or backup of the editor appears in the checkout.

    Raises:
        AutoresearchError: The text was rejected; the error says where a copy is kept.
    """
    _key(workspace)
    text, seen = files.read_program(workspace)
    retry = "autoresearch-tui program --set {copy}"
    with editor.edited_copy(text, PROGRAM, "Or use --set FILE.", retry) as new:
        return f"You changed nothing in {PROGRAM}." if new == text else _write(workspace, new, seen)


def _show(workspace: Path, session: Session, *, as_json: bool) -> None:
    versions, question = session.programs, session.program_question
    text, remark = _in_force(workspace, session)
    if as_json:
        print_json(
            {
                "text": text,
                "key": versions[-1].key if versions else None,
                "remark": remark,
                "question": None
                if question is None
                else {
                    "digest": question.digest,
                    "experiment": question.experiment,
                    "diff": question.diff,
                },
                "versions": [
                    {
                        "version": n,
                        "key": v.key,
                        "at": v.at.isoformat(),
                        "from_experiment": v.experiment,
                        "commit": v.commit or None,
                        "added": v.added,
                        "removed": v.removed,
                    }
                    for n, v in enumerate(versions, start=1)
                ],
            }
        )
        return
    echo(sanitize(text), nl=not text.endswith("\n"))
    # On stderr, so that `program > copy.md` writes the text alone.
    for n, v in enumerate(versions, start=1):
        size = f" +{v.added} −{v.removed}" if n > 1 else ""
        where = f" · commit {v.commit[:7]}" if v.commit else ""
        echo(
            f"version {n}: from #{v.experiment} on, {v.at.astimezone():%d %b %H:%M}{size}{where}",
            err=True,
        )
    if question is not None:
        echo(
            f"{PROGRAM} was changed on the disk while #{question.experiment} ran, by you or by the "
            "run. Use it with `autoresearch-tui program --accept`, or keep this version with "
            f"--refuse:\n{sanitize(question.diff)}",
            err=True,
        )
    elif remark:
        echo(remark, err=True)


def _in_force(workspace: Path, session: Session) -> tuple[str, str]:
    """Return the text of program.md in force, and a remark if the file on disk differs, else ""."""
    if not session.programs:
        found = files.read_program(workspace)
        return found.text, "No session has used it yet." if found.key else "There is no file."
    now = session.programs[-1]
    try:
        found = files.read_program(workspace)
    except WorkspaceError as error:
        found, problem = files.Program("", ""), error.what
    else:
        problem = "" if found.key else f"{PROGRAM} was deleted."
    if found.key == now.key:
        return found.text, ""
    kept = file_at(workspace, session.frontier, PROGRAM) or ""
    if problem:
        return kept, f"{one_line(problem)} This is the last version; it stays in force."
    if files.program_key(kept) == now.key:
        return kept, f"The file was changed since. {_when(workspace)}"
    return found.text, f"This is the file as it is now, not in force yet. {_when(workspace)}"


def _show_diff(workspace: Path, version: int, *, as_json: bool) -> None:
    tag = newest_tag(workspace)
    edits = [e for e in session_events(workspace, tag) if isinstance(e, ev.ProgramEdited)]
    number = version or len(edits)
    if not 1 <= number <= len(edits):
        raise UsageError(
            f"There is no version {version} of {PROGRAM}."
            if version
            else f"No version of {PROGRAM} was in force yet.",
            f"The session has {len(edits)}.",
        )
    found = edits[number - 1]
    if as_json:
        print_json({"version": number, "from_experiment": found.experiment, "diff": found.diff})
    elif not found.diff:
        echo(f"Version {number} is the first one; see it with `autoresearch-tui program`.")
    else:
        print_diff(found.diff.rstrip("\n"))
