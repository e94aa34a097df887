"""Finds and edits the knobs of the editable files, which a search can adjust.

In Python, these are the module-level `ALL_CAPS = literal` lines, or, where a file has none, those
of numbers and truth values with a name in lower case that nothing else sets. In YAML, TOML and JSON
they are the single values. Files in other languages have none. Only the characters of a literal are
replaced; comments, alignment and line ends stay.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from engine.core.patches.data_knobs import data_kind, data_literals, data_scalar, is_amount
from engine.core.patches.file_parts import FilePart, split_files
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
from engine.core.patches.language import Language, key_of, language_of

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
    "literal_values",
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
    """A module-level `NAME = literal` of a Python file, or a single value of a settings file."""

    name: str
    literal: str
    value: Value
    kind: KnobKind
    """How the value may change; for a tuple, the kind of its first part that is not fixed."""
    span: tuple[int, int]
    """Start and end of the literal in the whole text, in characters."""
    comment: str
    """The comment on the same line, without `#`; empty if there is none."""
    parts: tuple[Part, ...]


def find_knobs(source: str, file: str = "train.py") -> tuple[Knob, ...]:
    """Return all knobs of a source text in order, including fixed ones.

    Where several files have a knob of the same name, the file's name is put before each of them, as
    in `model.DEPTH`.

    Args:
        source: The text of one file, or of several with headings.
        file: The name of the file that a text without headings is.

    Raises:
        KnobError: A file does not parse.
    """
    found: list[tuple[FilePart, Knob]] = []
    for part in split_files(source, file):
        language = language_of(part.name)
        if language is Language.PYTHON:
            knobs = _python_knobs(part.text)
        else:
            knobs = _data_knobs(part.text, language) if language.is_data else []
        found += [(part, knob) for knob in knobs]
    times = Counter(name for name, _ in {(k.name, p.name) for p, k in found})
    return tuple(
        replace(
            knob,
            name=f"{PurePath(part.name).stem}.{knob.name}" if times[knob.name] > 1 else knob.name,
            span=(knob.span[0] + part.start, knob.span[1] + part.start),
        )
        for part, knob in found
    )


def _data_knobs(text: str, language: Language) -> list[Knob]:
    found = []
    for name, start, end, comment in data_literals(text, language):
        literal = text[start:end]
        value = data_scalar(literal)
        assert value is not None  # `data_literals` yields no others
        kind, choices = data_kind(name, literal, comment)
        part = Part(literal, value, kind, 0, choices)
        found.append(Knob(name, literal, value, kind, (start, end), comment, (part,)))
    return found


def _python_knobs(source: str) -> list[Knob]:
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
    literals = list(_module_literals(tree))
    constants = [each for each in literals if re.fullmatch(r"[A-Z][A-Z0-9_]*", each[0])]
    found = []
    for name, node, value in constants or _settings_in_lower_case(literals, times):
        start, end = positions.span(node)
        comment = positions.comment_after(end)
        scalars = value if isinstance(value, tuple) else (value,)
        parts = []
        for child, scalar in zip(elements(node), scalars, strict=True):
            first, last = positions.span(child)
            literal = source[first:last]
            kind, choices = infer_kind(name.upper(), literal, scalar, comment)
            if not constants and is_amount(name):
                kind = KnobKind.FIXED
            kind = kind if times[name] == 1 else KnobKind.FIXED
            parts.append(Part(literal, scalar, kind, first - start, choices))
        kind = next(
            (part.kind for part in parts if part.kind is not KnobKind.FIXED), KnobKind.FIXED
        )
        span = (start, end)
        found.append(Knob(name, source[start:end], value, kind, span, comment, tuple(parts)))
    return found


def _module_literals(tree: ast.Module) -> Iterator[tuple[str, ast.expr, Value]]:
    """Yield the name, the node and the value of each literal that is assigned at module level."""
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=node):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as node):
                pass
            case _:
                continue
        value = evaluate(node)
        if value is not None:
            yield name, node, value


def _settings_in_lower_case(
    literals: Iterable[tuple[str, ast.expr, Value]], times: Mapping[str, int]
) -> list[tuple[str, ast.expr, Value]]:
    """Return the numbers and truth values whose name nothing else in the file sets.

    Counters and results, which are set again, and texts are left out.
    """
    return [
        (name, node, value)
        for name, node, value in literals
        if re.fullmatch(r"[a-z][a-z0-9_]*", name)
        and times[name] == 1
        and not isinstance(value, str | tuple)
    ]


def knob_changes(old: str, new: str, file: str = "train.py") -> dict[str, tuple[str, str]]:
    """Return the old and new literal of each knob that an edit changed.

    Empty if the edit changed anything else (comments and white space of Python do not count), or if
    a text does not parse.

    Args:
        old: The text before the edit: of one file, or of several with headings.
        new: The text after it.
        file: The name of the file that a text without headings is.
    """
    try:
        before = {knob.name: knob.literal for knob in find_knobs(old, file)}
        after = {knob.name: knob.literal for knob in find_knobs(new, file)}
        if before.keys() != after.keys():
            return {}
        changed = {n: (before[n], after[n]) for n in before if before[n] != after[n]}
        literals = {name: literal for name, (_, literal) in changed.items()}
        edited = set_knobs(old, literals, file)
    except KnobError:
        return {}
    return changed if key_of(edited, file) == key_of(new, file) != "" else {}


def set_knobs(source: str, literals: Mapping[str, str], file: str = "train.py") -> str:
    """Return a source with the literals of some knobs replaced and everything else unchanged.

    Args:
        source: The text of one file, or of several with headings.
        literals: The new literals by knob name.
        file: The name of the file that a text without headings is.

    Raises:
        KnobError: A file does not parse, there is no such knob, or a new text is not a literal.
    """
    knobs = {knob.name: knob for knob in find_knobs(source, file)}
    parts = split_files(source, file)
    changes = []
    for name, literal in literals.items():
        if name not in knobs:
            raise KnobError(
                f"There is no knob {name} in {_names(parts)}.",
                f"It has: {', '.join(knobs) or 'none'}.",
            )
        start, end = knobs[name].span
        owner = next(part for part in reversed(parts) if part.start <= start)
        python = language_of(owner.name) is Language.PYTHON
        valid = is_literal(literal) if python else data_scalar(literal) is not None
        if literal != knobs[name].literal and not valid:
            expected = (
                "number, string, truth value or tuple of them, without a comment"
                if python
                else "number, true, false or text, without a comment"
            )
            raise KnobError(
                f"Invalid value for {name}: {literal!r}.", f"It must be one {expected}."
            )
        changes.append((start, end, literal))
    for start, end, literal in sorted(changes, reverse=True):
        source = source[:start] + literal + source[end:]
    return source


def _names(parts: Sequence[FilePart]) -> str:
    return ", ".join(part.name for part in parts)


def literal_values(literal: str) -> tuple[Scalar, ...]:
    """Return the scalars of a knob's literal in any language, several for a tuple; else ()."""
    try:
        knobs = _python_knobs(f"X = ({literal})")
    except KnobError:
        knobs = []
    if len(knobs) == 1:
        return tuple(part.value for part in knobs[0].parts)
    value = data_scalar(literal)
    return () if value is None else (value,)


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
