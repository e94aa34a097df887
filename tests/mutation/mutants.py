"""The mutants of a module: its source with one small change each.

The changes are mutmut's operators (comparisons, arithmetic, boolean operators, numbers, names,
arguments, assignments, cases of a match) and two more: an expression statement removed, and the
condition of an `if` inverted. Decorated functions and class bodies are mutated too. Annotations,
decorators, docstrings, imports, options of a class (`frozen=True`) and prose (a string of several
words) are not: the wording of a message is not a rule.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst
import libcst.matchers as m
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

_PROSE = re.compile(r"\w\W* \W*\w")
_UNCHANGED_CALLS = m.Name("TypeVar") | m.Name("cast") | m.Name("isinstance")


@dataclass(frozen=True)
class Mutant:
    """A changed module."""

    function: str
    """The dotted name of the function or class the change is in; empty at module level."""
    first_line: int
    last_line: int
    """The lines of the original that the change touches."""
    removed: str
    added: str
    """The lines that differ, without their indentation, joined by spaces."""
    source: str

    @property
    def key(self) -> str:
        """A name that stays the same when lines move elsewhere in the file."""
        text = "\0".join((self.function, self.removed, self.added))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def mutants_of(source: str) -> list[Mutant]:
    """Return every mutant of a module's source, in the order of its lines."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = _Visitor(wrapper.module)
    wrapper.visit(visitor)
    found = {mutant.source: mutant for mutant in reversed(visitor.found)}
    found.pop(source, None)
    return list(reversed(found.values()))


def is_valid(mutant: Mutant) -> bool:
    """Return whether the changed source is a Python program at all."""
    try:
        compile(mutant.source, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def describe(source: str, changed: str, function: str, first: int, last: int) -> Mutant:
    """Name a change of the lines from `first` to `last` by what they were and what they become."""
    old, new = source.split("\n"), changed.split("\n")
    end = last + len(new) - len(old)
    head = next((n for n in range(first - 1, last) if old[n] != new[n : n + 1][0]), last - 1)
    tail = 0
    while (
        last - tail - 1 > head
        and end - tail - 1 > head
        and old[last - tail - 1] == new[end - tail - 1]
    ):
        tail += 1
    removed, added = old[head : last - tail], new[head : end - tail]
    return Mutant(
        function,
        first,
        last,
        " ".join(line.strip() for line in removed),
        " ".join(line.strip() for line in added),
        changed,
    )


class _Visitor(cst.CSTVisitor):
    """Collects the changed sources of a module."""

    METADATA_DEPENDENCIES = (PositionProvider, ByteSpanPositionProvider)

    def __init__(self, module: cst.Module) -> None:
        super().__init__()
        self.found: list[Mutant] = []
        self._source = module.code
        self._module = module
        self._bytes = module.bytes
        self._names: list[str] = []
        self._class_options: set[cst.CSTNode] = set()

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom):
            return False
        if node in self._class_options:
            return False
        if isinstance(node, cst.ClassDef):
            self._class_options |= {*node.bases, *node.keywords}
        if isinstance(node, cst.Call) and m.matches(node.func, _UNCHANGED_CALLS):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._names.append(node.name.value)
        if isinstance(node, cst.If):
            self._add(node.test, _negated(node.test))
        for replacement in _changes(node):
            self._add(node, replacement)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._names.pop()

    def _add(self, node: cst.CSTNode, replacement: cst.CSTNode) -> None:
        position = self.get_metadata(PositionProvider, node, None)
        span = self.get_metadata(ByteSpanPositionProvider, node, None)
        if position is None or span is None:
            return
        # The span leaves out parentheses and blanks that belong to the node's code.
        code = self._module.code_for_node(node).encode()
        end = span.start + span.length
        start = self._bytes.rfind(code, max(0, span.start - 80), span.start + len(code))
        if 0 <= start <= span.start and start + len(code) >= end:
            new = self._module.code_for_node(replacement).encode()
            text = (self._bytes[:start] + new + self._bytes[start + len(code) :]).decode()
        else:
            changed = self._module.deep_replace(node, replacement)
            text = cst.ensure_type(changed, cst.Module).code
        lines = (position.start.line, position.end.line)
        self.found.append(describe(self._source, text, ".".join(self._names), *lines))


def _changes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    if isinstance(node, cst.Expr) and not isinstance(node.value, cst.BaseString | cst.Yield):
        yield cst.Pass()
    if isinstance(node, cst.SimpleString):
        if not node.prefix and _PROSE.search(node.raw_value):
            return
        if node.quote in ('"""', "'''"):
            return
        yield cst.SimpleString(f"{node.prefix}{node.quote}XX{node.raw_value}XX{node.quote}")
        return
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            yield from operator(node)


def _negated(test: cst.BaseExpression) -> cst.BaseExpression:
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return test.expression
    inner = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.UnaryOperation(operator=cst.Not(), expression=inner)
