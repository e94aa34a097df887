"""Finds and edits the knobs of a training file: its module-level `ALL_CAPS = literal` lines.

Only the characters of a literal are replaced; comments, alignment and line ends stay.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from engine.core.patches.knob_kinds import KnobKind, infer_kind
from engine.core.patches.knob_literals import (
    KnobError,
    Scalar,
    SourcePositions,
    Value,
    elements,
    evaluate,
    parse,
)

__all__ = [
    "Knob",
    "KnobError",
    "KnobKind",
    "Part",
    "Scalar",
    "Value",
    "find_knobs",
    "infer_kind",
    "is_literal",
    "knob_changes",
    "set_knobs",
]


@dataclass(frozen=True)
class Part:
    """One scalar of a knob's value: the only one, or an element of a tuple."""

    literal: str
    value: Scalar
    kind: KnobKind
    start: int
    """Index of the part's first character in the knob's literal."""
    choices: tuple[Scalar, ...] = ()
    """Values that an enum may take, the present one included; empty for other kinds."""


@dataclass(frozen=True)
class Knob:
    """One module-level `NAME = literal` of a Python source."""

    name: str
    literal: str
    value: Value
    kind: KnobKind
    """How the value may change; for a tuple, the kind of its first part that is not fixed."""
    span: tuple[int, int]
    """Start and end of the literal in the source, in characters."""
    comment: str
    """The comment on the same line, without `#`; empty if there is none."""
    parts: tuple[Part, ...]


def find_knobs(source: str) -> tuple[Knob, ...]:
    """Return all knobs of a Python source in order, including fixed ones.

    Raises:
        KnobError: The source does not parse.
    """
    tree = parse(source)
    positions = SourcePositions(source)
    # A name that is set twice or shadows an import is not decided by one line.
    times: Counter[str] = Counter()
    for item in ast.walk(tree):
        match item:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                times[name] += 1
            case ast.alias(name=name, asname=other):
                times[other or name] += 1
    found = []
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=node):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as node):
                pass
            case _:
                continue
        value = evaluate(node)
        if value is None or not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            continue
        start, end = positions.span(node)
        comment = positions.comment_after(end)
        scalars = value if isinstance(value, tuple) else (value,)
        parts = []
        for child, scalar in zip(elements(node), scalars, strict=True):
            first, last = positions.span(child)
            literal = source[first:last]
            kind, choices = infer_kind(name, literal, scalar, comment)
            kind = kind if times[name] == 1 else KnobKind.FIXED
            parts.append(Part(literal, scalar, kind, first - start, choices))
        kind = next(
            (part.kind for part in parts if part.kind is not KnobKind.FIXED), KnobKind.FIXED
        )
        span = (start, end)
        found.append(Knob(name, source[start:end], value, kind, span, comment, tuple(parts)))
    return tuple(found)


def knob_changes(old: str, new: str) -> dict[str, tuple[str, str]]:
    """Return the old and new literal of each knob that an edit changed.

    Empty if the edit changed any other code (comments and white space do not count), or if a text
    does not parse.
    """
    try:
        before = {knob.name: knob.literal for knob in find_knobs(old)}
        after = {knob.name: knob.literal for knob in find_knobs(new)}
        if before.keys() != after.keys():
            return {}
        changed = {n: (before[n], after[n]) for n in before if before[n] != after[n]}
        edited = set_knobs(old, {name: literal for name, (_, literal) in changed.items()})
        same = ast.dump(ast.parse(edited)) == ast.dump(ast.parse(new))
    except (KnobError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return changed if same else {}


def set_knobs(source: str, literals: Mapping[str, str]) -> str:
    """Return a source with the literals of some knobs replaced and everything else unchanged.

    Raises:
        KnobError: The source does not parse, has no such knob, or a new text is not a literal.
    """
    knobs = {knob.name: knob for knob in find_knobs(source)}
    changes = []
    for name, literal in literals.items():
        if name not in knobs:
            raise KnobError(
                f"The file has no knob {name}.", f"It has: {', '.join(knobs) or 'none'}."
            )
        if literal != knobs[name].literal and not is_literal(literal):
            raise KnobError(
                f"Invalid value for {name}: {literal!r}.",
                "It must be one number, string, truth value or tuple of them, without a comment.",
            )
        changes.append((*knobs[name].span, literal))
    for start, end, literal in sorted(changes, reverse=True):
        source = source[:start] + literal + source[end:]
    return source


def is_literal(text: str) -> bool:
    """Return whether a text is exactly a literal, without white space or brackets around it."""
    try:
        match parse(f"X = {text}").body:
            case [ast.Assign(targets=[_], value=node)]:
                span = SourcePositions(f"X = {text}").span(node)
                return evaluate(node) is not None and span == (4, 4 + len(text))
    except KnobError:
        pass
    return False
