"""An edit: two texts side by side, and what of one the other lacks."""

from __future__ import annotations

import ast
import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property

from engine.core.risk.rule import RiskContext
from engine.core.risk.source import ParsedSource

Fact = tuple[str, ast.AST]
"""What is compared, and where it stands."""
_JUNK_FROM = 3000


class Edit:
    """A candidate and the base it was made from, both parsed.

    Args:
        base: Parsed, or None: it does not parse, so everything in the candidate is new.
        candidate: Parsed.
        setting: Of the session.
    """

    def __init__(self, base: ParsedSource, candidate: ParsedSource, setting: RiskContext) -> None:
        self.base = base
        self.candidate = candidate
        self.setting = setting

    @cached_property
    def sides(self) -> tuple[set[int], set[int]]:
        """Lines that only the base has, and lines that only the candidate has, from 1."""
        a, b = self.base.text.split("\n"), self.candidate.text.split("\n")
        junk = max(len(a), len(b)) > _JUNK_FROM
        matcher = difflib.SequenceMatcher(None, a, b, autojunk=junk)
        old: set[int] = set()
        new: set[int] = set()
        for tag, a1, a2, b1, b2 in matcher.get_opcodes():
            if tag != "equal":
                old.update(range(a1 + 1, a2 + 1))
                new.update(range(b1 + 1, b2 + 1))
        return old, new

    def added(self, facts: Callable[[ParsedSource], Iterable[Fact]]) -> list[ast.AST]:
        """Where the candidate has a fact more often than the base."""
        return _beyond(_of(self.candidate, facts), _of(self.base, facts), self.sides[1])

    def removed(self, facts: Callable[[ParsedSource], Iterable[Fact]]) -> list[ast.AST]:
        """Where the base has a fact more often than the candidate: nodes of the base."""
        return _beyond(_of(self.base, facts), _of(self.candidate, facts), self.sides[0])

    @cached_property
    def harness(self) -> re.Pattern[str]:
        """Matches a path that leads into the harness."""
        names = "|".join(re.escape(n) for n in self.setting.harness) or r"(?!)"
        return re.compile(rf"^(?:{names})(?:\.|$)")


def _of(source: ParsedSource, facts: Callable[[ParsedSource], Iterable[Fact]]) -> Iterable[Fact]:
    """The facts of a text; those that depend on nothing else are kept with it."""
    if getattr(facts, "__closure__", ()) is not None or getattr(facts, "__defaults__", None):
        return facts(source)
    key = f"{facts.__module__}.{facts.__qualname__}"
    if key not in source.facts:
        source.facts[key] = [*facts(source)]
    return source.facts[key]


def _beyond(mine: Iterable[Fact], other: Iterable[Fact], changed: set[int]) -> list[ast.AST]:
    places: dict[str, list[ast.AST]] = defaultdict(list)
    for key, node in mine:
        places[key].append(node)
    have = Counter(key for key, _ in other)
    found: list[ast.AST] = []
    for key, nodes in places.items():
        surplus = len(nodes) - have[key]
        if surplus > 0:
            # Of equal ones, those that stand on changed lines are the new ones.
            nodes.sort(key=lambda n: not changed & {*lines_of(n)})
            found += nodes[:surplus]
    return sorted(found, key=lambda n: lines_of(n)[:1])


def lines_of(node: ast.AST) -> tuple[int, ...]:
    """The lines of a node; of a block only its head."""
    first = getattr(node, "lineno", None)
    if first is None:
        inner = [lines_of(child) for child in ast.iter_child_nodes(node)]
        return next((lines for lines in inner if lines), (1,))
    last = getattr(node, "end_lineno", first) or first
    body = getattr(node, "body", None)
    if isinstance(body, list) and body:
        last = max(first, body[0].lineno - 1)
    return tuple(range(first, min(last, first + 20) + 1))


def where(nodes: Iterable[ast.AST]) -> tuple[int, ...]:
    """The lines of several nodes."""
    return tuple(sorted({line for node in nodes for line in lines_of(node)}))


def quote(text: str, width: int = 60) -> str:
    """A piece of code for a message: one line, in backticks."""
    flat = " ".join(text.split()).replace("`", "'")
    return f"`{flat if len(flat) <= width else flat[: width - 1] + '…'}`"
