"""The verbs that steer the agent: pin, ban, note."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from engine.core.errors import UsageError
from engine.core.records import Instruction
from engine.core.session import Session
from engine.core.text import one_line, sanitize
from engine.protocol import commands
from tui.commands.control import json_errors, send_and_print
from tui.commands.options import json_option, workspace_option
from tui.commands.output import echo, print_json
from tui.commands.results import terminal_width
from tui.commands.show import read_now
from tui.commands.waiting import pin_facts, pin_lines
from tui.terminal import external_editor as editor

_text_argument = click.argument("arguments", metavar="[TEXT]", nargs=-1)
_list_option = click.option("--list", "listing", is_flag=True, help="Print the list.")
_NUMBER = click.IntRange(1)


@click.command()
@_text_argument
@_list_option
@click.option("--edit", "edited", type=_NUMBER, metavar="N", help="Replace the text of pin N.")
@click.option(
    "--move",
    type=(_NUMBER, _NUMBER),
    metavar="N PLACE",
    help="Move pin N to that place; 1 is tried next.",
)
@click.option("--remove", type=_NUMBER, metavar="N", help="Remove pin N.")
@workspace_option
@json_option
def pin(
    arguments: tuple[str, ...],
    listing: bool,
    edited: int | None,
    move: tuple[int, int] | None,
    remove: int | None,
    path: Path,
    as_json: bool,
) -> None:
    """Have a hypothesis of yours tried next. TEXT of `-` is read from standard input.

    The search agent needs knobs and values ("MATRIX_LR=0.05"), other agents any text.
    """
    with json_errors(as_json):
        _only_one(listing, edited, move, remove, arguments=arguments, with_text=(edited,))
        text = _text(arguments) if arguments else ""
        if edited is not None and not text:
            raise UsageError(f"Add the new text: pin --edit {edited} TEXT.")
    if edited is not None:
        send_and_print(path, commands.EditPin(pin=edited, text=text), as_json=as_json)
    elif move is not None:
        send_and_print(path, commands.MovePin(pin=move[0], place=move[1] - 1), as_json=as_json)
    elif remove is not None:
        send_and_print(path, commands.RemovePin(pin=remove), as_json=as_json)
    elif text:
        send_and_print(path, commands.PinHypothesis(text=text), as_json=as_json)
    elif as_json:
        session = read_now(path).session
        print_json({"pins": [pin_facts(p) for p in session.pins]})
    else:
        session = read_now(path).session
        for line in pin_lines(session.pins, terminal_width()) or ["Nothing is pinned."]:
            echo(line)


@click.command()
@_text_argument
@_list_option
@click.option("--lift", type=_NUMBER, metavar="N", help="Allow it again.")
@workspace_option
@json_option
def ban(
    arguments: tuple[str, ...], listing: bool, lift: int | None, path: Path, as_json: bool
) -> None:
    """Keep the agent away from a direction. TEXT of `-` is read from standard input."""
    _instruct(
        *(arguments, listing, lift, path, as_json, "bans", "ban"),
        add=lambda text: commands.BanDirection(text=text),
        remove=lambda number: commands.LiftBan(ban=number),
        have=lambda session: session.bans,
    )


@click.command()
@_text_argument
@_list_option
@click.option("--remove", type=_NUMBER, metavar="N", help="Remove note N.")
@workspace_option
@json_option
def note(
    arguments: tuple[str, ...], listing: bool, remove: int | None, path: Path, as_json: bool
) -> None:
    """Tell the agent something in every prompt. TEXT of `-` is read from standard input."""
    _instruct(
        *(arguments, listing, remove, path, as_json, "notes", "note"),
        add=lambda text: commands.AddNote(text=text),
        remove=lambda number: commands.RemoveNote(note=number),
        have=lambda session: session.agent_notes,
    )


def _instruct(
    arguments: tuple[str, ...],
    listing: bool,
    removed: int | None,
    path: Path,
    as_json: bool,
    plural: str,
    one: str,
    *,
    add: Callable[[str], commands.AnyCommand],
    remove: Callable[[int], commands.AnyCommand],
    have: Callable[[Session], Sequence[Instruction]],
) -> None:
    with json_errors(as_json):
        _only_one(listing, removed, arguments=arguments)
        text = _text(arguments) if arguments else ""
    if removed is not None:
        send_and_print(path, remove(removed), as_json=as_json)
    elif text:
        send_and_print(path, add(text), as_json=as_json)
    else:
        session = read_now(path).session
        found = have(session)
        if as_json:
            print_json({plural: [_facts(s, one) for s in found]})
        elif not found:
            echo(f"There are no {plural}.")
        else:
            for s in found:
                echo(f"{one} {s.number}: {one_line(s.text, max(20, terminal_width() - 12))}")


def _facts(instruction: Instruction, one: str) -> dict[str, Any]:
    return {
        one: instruction.number,
        "text": instruction.text,
        "by": instruction.by,
        "at": instruction.at.isoformat(),
    }


def _only_one(
    *asked: object, arguments: tuple[str, ...], with_text: tuple[object | None, ...] = ()
) -> None:
    """Raise an error for more than one request in one call of a verb.

    Args:
        asked: The values of the flags that each make a request; None or False: not given.
        arguments: The words of the text argument, itself a request.
        with_text: The values of the flags that the text belongs to: if one is given, the text is no
            request of its own.

    Raises:
        UsageError: More than one request is made.
    """
    count = sum(1 for a in asked if a is not None and a is not False)
    alone = not any(w is not None for w in with_text)
    if count > 1 or (count and arguments and alone):
        raise UsageError(
            "Only one request at a time.", "", "Leave out the text or the other options."
        )


def _text(arguments: tuple[str, ...]) -> str:
    """Return the text of a pin, ban or note, from its words or, for `-`, from standard input.

    Raises:
        UsageError: The text is empty, or not UTF-8.
    """
    text = " ".join(arguments)
    if text == "-":
        text = editor.read_source(Path("-"))
    text = sanitize(text).strip()
    if not text:
        raise UsageError("The text is empty.", "", "Write what the agent should know.")
    return text
