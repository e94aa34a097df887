"""Finds which functions of a source text run when given statements run.

Calls are followed by name: `f()`, `Class()`, `x.method()`, and objects that are called, entered or
iterated. What is only passed on is followed as well, so an alias hides nothing.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from engine.core.risk.folding import literal
from engine.core.risk.source import ParsedSource
from engine.core.risk.tree import FunctionNode

Unit = FunctionNode | ast.Lambda
"""A function, method or named lambda: code that runs only when it is called."""
_CONSTRUCTION = ("__init__", "__new__", "__post_init__", "__init_subclass__")


class Execution:
    """The units of a source text, the nodes of each, and which units they call.

    Args:
        source: The parsed text.
    """

    def __init__(self, source: ParsedSource) -> None:
        self._source = source
        self.methods: dict[str, list[FunctionNode]] = defaultdict(list)
        """The methods of the text's classes by their names."""
        self._lambdas = {
            b.name: b.value
            for b in source.bindings
            if isinstance(b.value, ast.Lambda) and isinstance(b.node, ast.Assign)
        }
        named = {id(value) for value in self._lambdas.values()}
        self._units: dict[ast.AST, Unit | None] = {source.tree: None}
        self._nodes: dict[Unit | None, list[ast.AST]] = defaultdict(list)
        for node in source.nodes:
            parent = source.parents.get(node)
            if parent is not None:
                own = isinstance(parent, FunctionNode) and isinstance(node, ast.stmt)
                own |= isinstance(parent, ast.Lambda) and id(parent) in named
                self._units[node] = parent if own else self._units[parent]  # type: ignore[assignment]
            self._nodes[self._units[node]].append(node)
            if isinstance(node, FunctionNode) and isinstance(parent, ast.ClassDef):
                self.methods[node.name].append(node)

    def nodes_of(self, unit: Unit | None) -> list[ast.AST]:
        """Return the nodes that run when a unit is called; None: when the text is loaded."""
        return self._nodes[unit]

    def unit_of(self, node: ast.AST) -> Unit | None:
        """Return the unit that a node belongs to; None if it runs when the text is loaded."""
        return self._units[node]

    def callers(self, units: set[Unit | None]) -> set[Unit | None]:
        """Return some units and all that call them, directly or through others."""
        calls = {
            unit: {u for n in nodes for u in self._called(n)} for unit, nodes in self._nodes.items()
        }
        found = set(units)
        while new := {unit for unit, called in calls.items() if called & found} - found:
            found |= new
        return found

    def reached(self, start: Iterable[ast.AST], without: Collection[int] = ()) -> set[Unit]:
        """Return the units that run, directly or through others, when some nodes run.

        Args:
            start: The nodes.
            without: Ids of nodes that are not followed.
        """
        found: set[Unit] = set()
        pending = [*start]
        while pending:
            for unit in self._called(pending.pop()):
                if unit not in found:
                    found.add(unit)
                    pending += [n for n in self._nodes[unit] if id(n) not in without]
        return found

    def running(self, start: Iterable[ast.AST], without: Collection[int] = ()) -> list[ast.AST]:
        """Return the given nodes and those of all units that run with them."""
        first = [n for n in start if id(n) not in without]
        units = sorted(self.reached(first, without), key=lambda u: u.lineno)
        return [*first, *(n for u in units for n in self._nodes[u] if id(n) not in without)]

    def class_of_object(self, node: ast.AST) -> ast.ClassDef | None:
        """Return the text's class that an expression makes or names an object of; None if none."""
        match node:
            case ast.Call(func=ast.Name(id=name)):
                return self._source.classes.get(name)
            case ast.Name(id=name):
                made = [b.value for b in self._source.by_name.get(name, ()) if b.value is not None]
                if len(made) == 1 and isinstance(made[0], ast.Call):
                    return self.class_of_object(made[0])
        return None

    def _called(self, node: ast.AST) -> Iterator[Unit]:
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                if name in self._source.functions:
                    yield self._source.functions[name]
                elif name in self._lambdas:
                    yield self._lambdas[name]
                elif name in self._source.classes:
                    yield from self._methods_of(self._source.classes[name], _CONSTRUCTION)
            case ast.Attribute(value=owner, attr=attr, ctx=ast.Load()) if attr in self.methods:
                yield from self._method(owner, attr)
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, key, *_]):
                yield from self._method(owner, literal(self._source, key))
            case ast.Call(func=ast.Name(id="next" | "iter" | "list" | "tuple"), args=[owner, *_]):
                yield from self._implied(owner, ("__iter__", "__next__"))
            case ast.FunctionDef(decorator_list=[_, *_] as decorators):
                if any(self._calls_its_argument(d) for d in decorators):
                    yield node
            case ast.Call(func=function):
                yield from self._implied(function, ("__call__",))
            case ast.withitem(context_expr=owner):
                yield from self._implied(owner, ("__enter__", "__exit__"))
            case ast.For(iter=owner) | ast.comprehension(iter=owner):
                yield from self._implied(owner, ("__iter__", "__next__", "__getitem__"))

    def _calls_its_argument(self, decorator: ast.expr) -> bool:
        """Return whether a decorator is a function of the text that calls what it is given."""
        own = self._source.functions.get(self._source.code(decorator))
        if own is None:
            return False
        names = {a.arg for a in own.args.args}
        called = (n.func for n in self._nodes[own] if isinstance(n, ast.Call))
        return any(isinstance(f, ast.Name) and f.id in names for f in called)

    def _method(self, owner: ast.AST, name: str) -> Iterator[FunctionNode]:
        cls = self.class_of_object(owner)
        if isinstance(owner, ast.Name) and owner.id == "self":
            cls = self._source.class_of(owner)
        own = [*self._methods_of(cls, (name,))]
        yield from own or self.methods.get(name, [])

    def _implied(self, owner: ast.AST, names: tuple[str, ...]) -> Iterator[FunctionNode]:
        cls = self.class_of_object(owner)
        yield from self._methods_of(cls, names)

    def _methods_of(
        self, cls: ast.ClassDef | None, names: tuple[str, ...]
    ) -> Iterator[FunctionNode]:
        """Yield the methods of a class, or of the text's classes it is derived from, by name."""
        pending, seen = [cls], set()
        while pending:
            current = pending.pop()
            if current is None or current in seen:
                continue
            seen.add(current)
            for statement in current.body:
                if isinstance(statement, FunctionNode) and statement.name in names:
                    yield statement
            pending += [self._source.classes.get(self._source.path(b)) for b in current.bases]


def execution(source: ParsedSource) -> Execution:
    """Return the units of a text and their calls; cached."""
    return source.cached("execution", lambda: Execution(source))


def model_code(source: ParsedSource) -> list[ast.AST]:
    """Return the nodes that run when a model of the text is called; cached."""

    def find() -> list[ast.AST]:
        calls = execution(source)
        entries = [
            method
            for name in ("forward", "__call__")
            for method in calls.methods.get(name, ())
            if source.is_module_class(source.class_of(method))
        ]
        return calls.running(n for method in entries for n in calls.nodes_of(method))

    return source.cached("model code", lambda: list(dict.fromkeys(find())))
