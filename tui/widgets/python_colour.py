"""Finds the parts of Python source that get syntax colours, with Pygments."""

from __future__ import annotations

import sys
from collections.abc import Sequence

Span = tuple[int, int, str]
"""Start and end, in characters of a line, and the component class of the style, as `--keyword`."""


_LEXER = "pygments.lexers.python"


def has_lexer() -> bool:
    """Return whether Pygments' Python lexer is imported; importing it takes longer than a frame."""
    return _LEXER in sys.modules


def spans_of(lines: Sequence[str]) -> list[list[Span]]:
    """Return the coloured parts of each line of Python; the lines need not be a whole program."""
    # Imported with the first diff, so that the first frame does not wait for it.
    from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]
    from pygments.token import Comment, Keyword, Name, Number, String  # type: ignore[import-untyped]

    kinds = (
        (Comment, "--comment"),
        (String, "--string"),
        (Keyword, "--keyword"),
        (Number, "--number"),
        (Name.Function, "--definition"),
        (Name.Class, "--definition"),
        (Name.Decorator, "--definition"),
    )
    styles: dict[object, str] = {}
    spans: list[list[Span]] = [[] for _ in lines]
    line, start = 0, 0
    for _, token, value in PythonLexer().get_tokens_unprocessed("\n".join(lines)):
        if token not in styles:
            styles[token] = next((style for kind, style in kinds if token in kind), "")
        style = styles[token]
        for index, piece in enumerate(value.split("\n")):
            if index:
                line, start = line + 1, 0
            if piece and style:
                spans[line].append((start, start + len(piece), style))
            start += len(piece)
    return spans
