"""Parses a source text into a syntax tree with fast access to parents, scopes and statements.

Docstrings, annotations and comments are left out: an edit of those alone compares as equal.
"""

from __future__ import annotations

import ast
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Scope = FunctionNode | ast.Lambda | ast.ClassDef | None
"""The function, lambda or class whose body binds a name; None is the module."""

_SHARED = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
"""Node types whose single object occurs in many places of a tree; they have no parent."""


class SourceTree:
    """The syntax tree of a Python text, without docstrings, annotations and comments.

    Args:
        text: Python source code.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: The text does not parse.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = parse(text)
        self.parents: dict[ast.AST, ast.AST] = {}
        self.nodes: list[ast.AST] = []
        """All nodes, each before its descendants; those of the types in `_SHARED` are left out."""
        self._ends: dict[ast.AST, tuple[int, int]] = {}
        self._by_type: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        self._by_types: dict[tuple[type[ast.AST], ...], list[ast.AST]] = {}
        self._code: dict[ast.AST, str] = {}
        self._number(self.tree)
        self.functions: dict[str, FunctionNode] = {
            n.name: n
            for n in self.nodes
            if isinstance(n, FunctionNode) and not isinstance(self.parents[n], ast.ClassDef)
        }
        """Functions of the text by name; methods are left out, of equal names the last counts."""
        self.classes = {n.name: n for n in self.nodes if isinstance(n, ast.ClassDef)}
        self.calls = [n for n in self.nodes if isinstance(n, ast.Call)]

    def _number(self, tree: ast.AST) -> None:
        """Fill `nodes`, `parents` and the indices by type, in depth-first order.

        So a node's descendants are a slice of `nodes`.
        """
        pending: list[tuple[ast.AST, bool]] = [(tree, False)]
        starts: dict[ast.AST, int] = {}
        while pending:
            node, complete = pending.pop()
            if complete:
                self._ends[node] = (starts[node], len(self.nodes))
                continue
            starts[node] = len(self.nodes)
            self.nodes.append(node)
            self._by_type[type(node)].append(node)
            pending.append((node, True))
            for child in reversed([*ast.iter_child_nodes(node)]):
                if not isinstance(child, _SHARED):
                    self.parents[child] = node
                    pending.append((child, False))

    def within(self, node: ast.AST) -> list[ast.AST]:
        """Return a node and all its descendants."""
        if node not in self._ends:  # a node that a caller has built
            return [*ast.walk(node)]
        start, end = self._ends[node]
        return self.nodes[start:end]

    def nodes_of(self, *types: type[ast.AST]) -> list[Any]:
        """Return all nodes of the given types."""
        if types not in self._by_types:
            self._by_types[types] = [n for t in types for n in self._by_type.get(t, ())]
        return self._by_types[types]

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes that enclose a node, innermost first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def statement(self, node: ast.AST) -> ast.AST:
        """Return the innermost statement that is or contains a node; without one, the node."""
        if isinstance(node, ast.stmt):
            return node
        return next((n for n in self.ancestors(node) if isinstance(n, ast.stmt)), node)

    def scope(self, node: ast.AST) -> Scope:
        """Return the innermost function, lambda or class that contains a node; None: the module."""
        for parent in self.ancestors(node):
            if isinstance(parent, FunctionNode | ast.Lambda | ast.ClassDef):
                return parent
        return None

    def function_of(self, node: ast.AST) -> FunctionNode | None:
        """Return the innermost `def` that contains a node; None if it is in none."""
        return next((n for n in self.ancestors(node) if isinstance(n, FunctionNode)), None)

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """Return the innermost class that contains a node; None if it is in none."""
        return next((n for n in self.ancestors(node) if isinstance(n, ast.ClassDef)), None)

    def qualified(self, scope: ast.AST | None) -> str:
        """Return the dotted name of a scope, such as `Model.forward`; empty for the module."""
        if scope is None:
            return ""
        names = [getattr(n, "name", "") for n in (scope, *self.ancestors(scope))]
        return ".".join(n for n in reversed(names) if n)

    def code(self, node: ast.AST) -> str:
        """Return a node as source code in the layout of `ast.unparse`; cached."""
        if node not in self._code:
            self._code[node] = ast.unparse(node)
        return self._code[node]


def parse(text: str) -> ast.Module:
    """Return the syntax tree of a Python text without docstrings and annotations.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: The text does not parse.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text.removeprefix("\ufeff"))
    _strip(tree)
    return tree


def _strip(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode):
            node.returns = None
            for arg in ast.walk(node.args):
                if isinstance(arg, ast.arg):
                    arg.annotation = None
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list) and body:
                stripped = [_without_annotation(s) for s in body if not _is_docstring(s)]
                setattr(node, field, stripped or [ast.copy_location(ast.Pass(), body[0])])


def _is_docstring(statement: ast.AST) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


def _without_annotation(statement: ast.stmt) -> ast.stmt:
    if not isinstance(statement, ast.AnnAssign):
        return statement
    if statement.value is None:
        statement.annotation = ast.copy_location(ast.Name("_", ast.Load()), statement.annotation)
        return statement
    return ast.copy_location(ast.Assign([statement.target], statement.value), statement)
