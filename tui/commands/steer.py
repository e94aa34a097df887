"""Verbs that steer the agent: pin, ban, note."""

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
from tui.commands.control import BY, answering, tell
from tui.commands.options import json_option, workspace_option
from tui.commands.results import terminal_width
from tui.commands.show import print_json, read_now
from tui.commands.waiting import pin_facts, pin_lines
from tui.terminal import external_editor as editor

_text_argument = click.argument("words", metavar="[TEXT]", nargs=-1)
_list_option = click.option("--list", "listing", is_flag=True, help="Print what there is.")
_NUMBER = click.IntRange(1)


@click.command()
@_text_argument
@_list_option
@click.option("--edit", "edited", type=_NUMBER, metavar="N", help="Say pin N otherwise: TEXT.")
@click.option(
    "--move",
    type=(_NUMBER, _NUMBER),
    metavar="N PLACE",
    help="Put pin N in that place; 1 is done next.",
)
@click.option("--remove", type=_NUMBER, metavar="N", help="Take pin N back.")
@workspace_option
@json_option
def pin(
    words: tuple[str, ...],
    listing: bool,
    edited: int | None,
    move: tuple[int, int] | None,
    remove: int | None,
    path: Path,
    as_json: bool,
) -> None:
    """Have a hypothesis of yours done next. TEXT of `-` is read from standard input.

    The search agent takes knobs and values ("MATRIX_LR=0.05"), others whatever you write.
    """
    with answering(as_json):
        _only_one(listing, edited, move, remove, words=words, with_text=(edited,))
        text = _text(words) if words else ""
        if edited is not None and not text:
            raise UsageError(f"Say what pin {edited} should be: pin --edit {edited} TEXT.")
    if edited is not None:
        tell(path, commands.EditPin(pin=edited, text=text, by=BY), as_json=as_json)
    elif move is not None:
        tell(path, commands.MovePin(pin=move[0], place=move[1] - 1, by=BY), as_json=as_json)
    elif remove is not None:
        tell(path, commands.RemovePin(pin=remove, by=BY), as_json=as_json)
    elif text:
        tell(path, commands.PinHypothesis(text=text, by=BY), as_json=as_json)
    elif as_json:
        session, _, _ = read_now(path)
        print_json({"pins": [pin_facts(p) for p in session.pins]})
    else:
        session, _, _ = read_now(path)
        for line in pin_lines(session.pins, terminal_width()) or ["Nothing is pinned."]:
            click.echo(line)


@click.command()
@_text_argument
@_list_option
@click.option("--lift", type=_NUMBER, metavar="N", help="Allow it again.")
@workspace_option
@json_option
def ban(words: tuple[str, ...], listing: bool, lift: int | None, path: Path, as_json: bool) -> None:
    """Keep the agent from a direction. TEXT of `-` is read from standard input."""
    _say(
        *(words, listing, lift, path, as_json, "bans", "ban"),
        add=lambda text: commands.BanDirection(text=text, by=BY),
        remove=lambda number: commands.LiftBan(ban=number, by=BY),
        have=lambda session: session.bans,
    )


@click.command()
@_text_argument
@_list_option
@click.option("--remove", type=_NUMBER, metavar="N", help="Do not tell it any more.")
@workspace_option
@json_option
def note(
    words: tuple[str, ...], listing: bool, remove: int | None, path: Path, as_json: bool
) -> None:
    """Tell the agent something, in every briefing. TEXT of `-` is read from standard input."""
    _say(
        *(words, listing, remove, path, as_json, "notes", "note"),
        add=lambda text: commands.AddNote(text=text, by=BY),
        remove=lambda number: commands.RemoveNote(note=number, by=BY),
        have=lambda session: session.agent_notes,
    )


def _say(
    words: tuple[str, ...],
    listing: bool,
    gone: int | None,
    path: Path,
    as_json: bool,
    many: str,
    one: str,
    *,
    add: Callable[[str], commands.AnyCommand],
    remove: Callable[[int], commands.AnyCommand],
    have: Callable[[Session], Sequence[Instruction]],
) -> None:
    with answering(as_json):
        _only_one(listing, gone, words=words)
        text = _text(words) if words else ""
    if gone is not None:
        tell(path, remove(gone), as_json=as_json)
    elif text:
        tell(path, add(text), as_json=as_json)
    else:
        session, _, _ = read_now(path)
        said = have(session)
        if as_json:
            print_json({many: [_said_facts(s, one) for s in said]})
        elif not said:
            click.echo(f"There are no {many}.")
        else:
            for s in said:
                click.echo(f"{one} {s.number}: {one_line(s.text, max(20, terminal_width() - 12))}")


def _said_facts(said: Instruction, one: str) -> dict[str, Any]:
    return {one: said.number, "text": said.text, "by": said.by, "at": said.at.isoformat()}


def _only_one(
    *asked: object, words: tuple[str, ...], with_text: tuple[object | None, ...] = ()
) -> None:
    """Refuse a verb that is told two things at once.

    Raises:
        UsageError: It is.
    """
    many = sum(1 for a in asked if a is not None and a is not False)
    alone = not any(w is not None for w in with_text)
    if many > 1 or (many and words and alone):
        raise UsageError("One thing at a time.", "", "Leave out the text or the other options.")


def _text(words: tuple[str, ...]) -> str:
    """What a person wants said.

    Raises:
        UsageError: It is empty, or no text.
    """
    text = " ".join(words)
    if text == "-":
        text = editor.read_source(Path("-"))
    text = sanitize(text).strip()
    if not text:
        raise UsageError("There is no text.", "", "Write what the agent should know.")
    return text
