"""Prints the text and JSON of every verb, without what would control the terminal or hide text.

All output of a verb goes through this module, so that no verb has to know which of its texts come
from an agent, a run or a repository.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any

import click

from engine.core.errors import UsageError
from engine.core.text import escape_invisible, sanitize

_STYLE = os.urandom(8).hex()
"""Marks the colours of `style`; no text from elsewhere can hold it."""
_STYLED = re.compile(rf"\[{_STYLE}:([0-9;]*)\]")
_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def style(text: str, *, fg: str | None = None, bold: bool = False, dim: bool = False) -> str:
    """Return a text that `echo` prints in a colour, bold or dim.

    Args:
        text: The text.
        fg: The colour: `red`, `green`, `yellow` or `cyan`; None: the terminal's own.
        bold: Whether the text is bold.
        dim: Whether the text is dim.
    """
    codes = [_CODES[fg]] if fg else []
    codes += ["1"] * bold + ["2"] * dim
    return f"[{_STYLE}:{';'.join(codes)}]{text}[{_STYLE}:0]" if codes else text


def clean(text: str) -> str:
    """Return a text as it is printed: sanitized, with the colours of `style` and no others."""
    return _STYLED.sub("\x1b[\\1m", sanitize(text))


def echo(text: str = "", *, nl: bool = True, err: bool = False) -> None:
    """Print a text.

    Args:
        text: The text; colours come from `style` only.
        nl: Whether a line break follows.
        err: Whether it is printed to standard error.
    """
    click.echo(clean(text), nl=nl, err=err)


def prompt(text: str, **options: Any) -> Any:
    """Ask for a value, and return it; the options are those of `click.prompt`."""
    return click.prompt(clean(text), **options)


def confirm(text: str, **options: Any) -> bool:
    """Ask a question, and return whether it was affirmed; the options are `click.confirm`'s."""
    return click.confirm(clean(text), **options)


def confirm_or_abort(question: str, what: str, *, as_json: bool = False) -> None:
    """Ask a question, and end the verb where it is not affirmed.

    Args:
        question: The question.
        what: What is to be confirmed, such as `The new branch`.
        as_json: Whether JSON is printed, among which no question can be asked.

    Raises:
        UsageError: There is no terminal to ask on.
        click.Abort: The user does not affirm it.
    """
    if as_json or not sys.stdin.isatty():
        raise UsageError(
            f"{what} is not confirmed.", "There is no terminal to ask on.", "Add --yes."
        )
    if not confirm(question, default=False):
        raise click.Abort


def clean_json(text: str) -> str:
    r"""Return JSON as it is printed: with invisible and control characters as `\u` escapes."""
    return escape_invisible(text)


def print_json(value: object) -> None:
    """Print a value as one indented JSON document."""
    import msgspec  # `--help` prints no JSON

    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    click.echo(clean_json(text))


def print_usage_error(error: click.ClickException) -> None:
    """Print an error about the arguments to standard error, with the usage of the verb."""
    import io

    text = io.StringIO()
    error.show(text)
    echo(text.getvalue(), nl=False, err=True)


def print_traceback(error: Exception) -> None:
    """Print the traceback of an error that nothing expected to standard error."""
    import traceback

    echo("".join(traceback.format_exception(error)), nl=False, err=True)
