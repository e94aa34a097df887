"""The syntax-tree facts of one text: who is bound where, and what a name stands for.

Docstrings, annotations and comments are no facts: an edit of those alone compares as equal.
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from engine.core.risk.bindings import Binding, Scope, find_bindings
from engine.core.risk.plain_tree import FunctionNode, parse

if TYPE_CHECKING:
    from engine.core.risk.guarded import Slice

_SHARED = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
BUILTINS = frozenset(dir(builtins))
_STATE_METHODS = frozenset(
    (
        "parameters",
        "named_parameters",
        "eval",
        "train",
        "state_dict",
        "zero_grad",
        "to_empty",
        "init_weights",
    )
)


class ParsedSource:
    """A parsed text.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: It does not parse.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = parse(text)
        self.parents: dict[ast.AST, ast.AST] = {}
        self.nodes: list[ast.AST] = []
        """All nodes that have a place, each before what is within it."""
        self._ends: dict[ast.AST, tuple[int, int]] = {}
        self._by_type: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        self._number(self.tree)
        self.outputs: list[ast.Call] | None = None
        """Kept here by `measured.outputs`."""
        self.facts: dict[str, list[tuple[str, ast.AST]]] = {}
        """Kept here by `edit`: a base is compared with many candidates."""
        self.slices: dict[tuple[str, str, tuple[str, ...]], Slice] = {}
        """Kept here by `measured`, by what they follow, the metric and the harness."""
        self._kinds: dict[tuple[type[ast.AST], ...], list[ast.AST]] = {}
        self._texts: dict[ast.AST, str] = {}
        self._paths: dict[ast.AST, str] = {}
        self.functions: dict[str, FunctionNode] = {
            n.name: n
            for n in self.nodes
            if isinstance(n, FunctionNode) and not isinstance(self.parents[n], ast.ClassDef)
        }
        self.classes = {n.name: n for n in self.nodes if isinstance(n, ast.ClassDef)}
        self.calls = [n for n in self.nodes if isinstance(n, ast.Call)]

    def _number(self, tree: ast.AST) -> None:
        """Lay the tree out in a row, so that what is within a node is a slice of it."""
        todo: list[tuple[ast.AST, bool]] = [(tree, False)]
        starts: dict[ast.AST, int] = {}
        while todo:
            node, done = todo.pop()
            if done:
                self._ends[node] = (starts[node], len(self.nodes))
                continue
            starts[node] = len(self.nodes)
            self.nodes.append(node)
            self._by_type[type(node)].append(node)
            todo.append((node, True))
            for child in reversed([*ast.iter_child_nodes(node)]):
                # Contexts and operators are shared by many nodes.
                if not isinstance(child, _SHARED):
                    self.parents[child] = node
                    todo.append((child, False))

    # ---- places

    def within(self, node: ast.AST) -> list[ast.AST]:
        """A node and all below it."""
        if node not in self._ends:  # made up by a reader of this tree
            return [*ast.walk(node)]
        start, end = self._ends[node]
        return self.nodes[start:end]

    def kind(self, *types: type[ast.AST]) -> list[Any]:
        """All nodes of some types."""
        if types not in self._kinds:
            self._kinds[types] = [n for t in types for n in self._by_type.get(t, ())]
        return self._kinds[types]

    @cached_property
    def paths(self) -> list[tuple[str, ast.AST]]:
        """What is read by a path, outermost expression first, and what is imported."""
        found: list[tuple[str, ast.AST]] = []
        for node in self.kind(ast.Name, ast.Attribute, ast.Subscript, ast.Call):
            stored = isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
            own = isinstance(node, ast.Name) and node.id in self.functions
            if not stored and not own and (path := self.path(node)):
                found.append((path, node))
        for statement in self.kind(ast.Import, ast.ImportFrom):
            for a in statement.names:
                module = getattr(statement, "module", None)
                found.append((f"{module}.{a.name}" if module else a.name, statement))
        return found

    def up(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around one, from the inside out."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def statement(self, node: ast.AST) -> ast.AST:
        """The innermost statement a node stands in."""
        if isinstance(node, ast.stmt):
            return node
        return next((n for n in self.up(node) if isinstance(n, ast.stmt)), node)

    def scope(self, node: ast.AST) -> Scope:
        """The function or class whose body a node stands in."""
        for parent in self.up(node):
            if isinstance(parent, FunctionNode | ast.Lambda | ast.ClassDef):
                return parent
        return None

    def function_of(self, node: ast.AST) -> FunctionNode | None:
        """The function a node stands in, past classes and lambdas."""
        return next((n for n in self.up(node) if isinstance(n, FunctionNode)), None)

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """The class a node stands in."""
        return next((n for n in self.up(node) if isinstance(n, ast.ClassDef)), None)

    def qualified(self, scope: ast.AST | None) -> str:
        """A scope's dotted name."""
        if scope is None:
            return ""
        names = [getattr(n, "name", "") for n in (scope, *self.up(scope))]
        return ".".join(n for n in reversed(names) if n)

    def show(self, node: ast.AST) -> str:
        """The node as code, formatted in the one way there is."""
        if node not in self._texts:
            self._texts[node] = ast.unparse(node)
        return self._texts[node]

    # ---- names

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local name to the full path of what it was imported from."""
        found: dict[str, str] = {}
        for node in self.nodes:
            match node:
                case ast.Import(names=names):
                    for a in names:
                        if a.asname:
                            found[a.asname] = a.name
                        else:
                            found[a.name.partition(".")[0]] = a.name.partition(".")[0]
                case ast.ImportFrom(module=module, names=names):
                    for a in names:
                        found[a.asname or a.name] = f"{module or ''}.{a.name}"
        return found

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Imports, and names that are bound once and stand for something imported or built in."""
        found = dict(self.imports)
        times: dict[str, int] = defaultdict(int)
        for b in self.bindings:
            times[b.name] += 1
        for _ in range(3):  # an alias of an alias of an alias
            self._known = found
            for b in self.bindings:
                if times[b.name] != 1 or b.name in self.imports or b.value is None:
                    continue
                # One-element chains: a variable of that name elsewhere would be bound, too.
                if isinstance(b.node, ast.Assign | ast.NamedExpr | ast.arg):
                    path = self.path(b.value)
                    root = path.partition(".")[0]
                    if path and (root in self.roots or root in BUILTINS - {"None", "True"}):
                        found[b.name] = path
        self._done = True
        return found

    @cached_property
    def roots(self) -> set[str]:
        """Top-level modules that are imported."""
        return {path.partition(".")[0] for path in self.imports.values()}

    _known: dict[str, str] | None = None
    _done = False

    def path(self, node: ast.AST) -> str:
        """What an expression names, with aliases undone: `torch.cuda.synchronize`; else empty.

        Sees through getattr with a known name, `__dict__`, vars, globals and sys.modules.
        """
        known = self.aliases if self._done else self._known
        if known is None:
            known = self.aliases
        if not self._done:
            return _plain_path(self._path(node, known))
        if node not in self._paths:
            self._paths[node] = _plain_path(self._path(node, known))
        return self._paths[node]

    def _path(self, node: ast.AST, known: dict[str, str]) -> str:
        from engine.core.risk.folding import literal

        def member(owner: ast.AST, key: ast.AST) -> str:
            base, name = self._path(owner, known), literal(self, key)
            return f"{base}.{name}" if base and name else ""

        match node:
            case ast.Name(id=name):
                return known.get(name, name)
            case ast.Attribute(value=value, attr=attr):
                base = self._path(value, known)
                return f"{base}.{attr}" if base else ""
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, key, *_]):
                return member(owner, key)
            case ast.Call(func=function, args=[key, *_]) if self._path(function, known) in (
                "__import__",
                "importlib.import_module",
                "importlib.__import__",
            ):
                return literal(self, key)
            case ast.Subscript(value=ast.Attribute(value=owner, attr="__dict__"), slice=key):
                return member(owner, key)
            case ast.Subscript(value=ast.Call(func=ast.Name(id="vars"), args=[owner]), slice=key):
                return member(owner, key)
            case ast.Subscript(
                value=ast.Call(func=ast.Name(id="globals" | "locals" | "vars"), args=[]),
                slice=key,
            ):
                name = literal(self, key)
                return known.get(name, name)
            case ast.Subscript(value=value, slice=key):
                if self._path(value, known) in ("sys.modules", "__builtins__"):
                    return literal(self, key)
        return ""

    @cached_property
    def bindings(self) -> list[Binding]:
        """Every binding in the text."""
        return find_bindings(self)

    @cached_property
    def by_name(self) -> dict[str, list[Binding]]:
        """The bindings by name, whatever their scope."""
        found: dict[str, list[Binding]] = defaultdict(list)
        for b in self.bindings:
            found[b.name].append(b)
        return found

    def bindings_of(self, name: str, scope: Scope) -> list[Binding]:
        """The bindings of a name as it is seen from a scope."""
        all_of = self.by_name.get(name, [])
        at: Scope = scope
        while at is not None:
            own = [b for b in all_of if b.scope is at]
            if own and (at is scope or not isinstance(at, ast.ClassDef)):
                return own
            at = self.scope(at)
        return [b for b in all_of if b.scope is None]

    # ---- models

    def is_module_class(self, node: ast.ClassDef | None) -> bool:
        """Whether a class is a torch module, by its bases."""
        seen: set[str] = set()
        todo = [node]
        while todo:
            one = todo.pop()
            if one is None or one.name in seen:
                continue
            seen.add(one.name)
            for base in one.bases:
                path = self.path(base)
                if (
                    path.startswith("torch.")
                    and path.rpartition(".")[2] != "Optimizer"
                    and ".optim" not in path
                    and ".autograd" not in path
                    and ".utils" not in path
                ):
                    return True
                todo.append(self.classes.get(path))
        return False

    @cached_property
    def models(self) -> frozenset[str]:
        """Names that hold a model, by what is done with them; their making is free to change."""
        found = set()
        for call in self.calls:
            match call.func:
                case ast.Attribute(value=ast.Name(id=name), attr=method):
                    if method in _STATE_METHODS and name != "self":
                        found.add(name)
        for b in self.bindings:
            if isinstance(b.value, ast.Call) and "." not in b.name:
                path = self.path(b.value.func)
                if path.endswith(("deepcopy", "AveragedModel")) and b.value.args:
                    if isinstance(b.value.args[0], ast.Name) and b.value.args[0].id in found:
                        found.add(b.name)
                elif path in ("torch.compile", "torch.nn.Sequential") or self.is_module_class(
                    self.classes.get(path)
                ):
                    found.add(b.name)
            elif isinstance(b.value, ast.IfExp) and "torch.compile" in self.show(b.value):
                found.add(b.name)
        return frozenset(name for name in found if name not in self.imports and "opt" not in name)


def _plain_path(path: str) -> str:
    return path.removeprefix("builtins.").removeprefix("__builtins__.")
