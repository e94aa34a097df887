"""Compares the text before an edit (base) with the one after it (candidate) by facts."""

from __future__ import annotations

import ast
import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property

from engine.core.risk.context import RiskContext
from engine.core.risk.source import ParsedSource
from engine.core.text import one_line

Fact = tuple[str, ast.AST]
"""A string key that is compared between base and candidate, and the node it was found at."""
FindFacts = Callable[[ParsedSource], Iterable[Fact]]
_JUNK_FROM = 3000
"""Number of lines in a text from which difflib may ignore frequent lines, to stay fast."""


class Edit:
    """An edit of the training file: the text before (base) and after (candidate), both parsed.

    Args:
        base: The text before the edit; an empty text if that does not parse.
        candidate: The text after the edit.
        context: The facts about the session.
    """

    def __init__(self, base: ParsedSource, candidate: ParsedSource, context: RiskContext) -> None:
        self.base = base
        self.candidate = candidate
        self.context = context

    @cached_property
    def sides(self) -> tuple[set[int], set[int]]:
        """Numbers, from 1, of the lines only the base has, and of those only the candidate has."""
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

    def added(self, find: FindFacts) -> list[ast.AST]:
        """Return the candidate's nodes for the facts that it has more often than the base.

        Args:
            find: Yields the facts of a text.
        """
        return _surplus(_facts(self.candidate, find), _facts(self.base, find), self.sides[1])

    def removed(self, find: FindFacts) -> list[ast.AST]:
        """Return the base's nodes for the facts that it has more often than the candidate.

        Args:
            find: Yields the facts of a text.
        """
        return _surplus(_facts(self.base, find), _facts(self.candidate, find), self.sides[0])

    @cached_property
    def harness(self) -> re.Pattern[str]:
        """A pattern that matches dotted paths into the locked files, such as `prepare.evaluate`."""
        names = "|".join(re.escape(n) for n in self.context.harness) or r"(?!)"
        return re.compile(rf"^(?:{names})(?:\.|$)")


def _facts(source: ParsedSource, find: FindFacts) -> Iterable[Fact]:
    """Return the facts that `find` yields for a text; cached if it depends on the text alone."""
    if getattr(find, "__closure__", ()) is not None or getattr(find, "__defaults__", None):
        return find(source)
    return source.cached(("facts", find.__module__, find.__qualname__), lambda: [*find(source)])


def _surplus(mine: Iterable[Fact], other: Iterable[Fact], changed: set[int]) -> list[ast.AST]:
    places: dict[str, list[ast.AST]] = defaultdict(list)
    for key, node in mine:
        places[key].append(node)
    if not places:
        return []  # as for most rules
    counts = Counter(key for key, _ in other)
    found: list[ast.AST] = []
    for key, nodes in places.items():
        surplus = len(nodes) - counts[key]
        if surplus > 0:
            # Among equal facts, those on changed lines are taken to be the new ones.
            nodes.sort(key=lambda n: not changed & {*lines_of(n)})
            found += nodes[:surplus]
    return sorted(found, key=lambda n: lines_of(n)[:1])


def lines_of(node: ast.AST) -> tuple[int, ...]:
    """Return the line numbers of a node, at most 21; for a block, those of its header."""
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
    """Return the line numbers of several nodes, each once, sorted."""
    return tuple(sorted({line for node in nodes for line in lines_of(node)}))


def quote(text: str, width: int = 60) -> str:
    """Return a piece of code for a message: on one line, shortened, in backticks."""
    code = one_line(text, width).replace("`", "'")
    return f"`{code}`"
