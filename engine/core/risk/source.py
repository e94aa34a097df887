"""Resolves expressions of a source text to dotted paths, and finds the names of models."""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeVar

from engine.core.risk.bindings import Binding
from engine.core.risk.folding import literal
from engine.core.risk.names import SourceNames

T = TypeVar("T")
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


class ParsedSource(SourceNames):
    """A parsed Python text for the risk rules: tree, names, dotted paths and models.

    Args:
        text: Python source code.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: The text does not parse.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._paths: dict[ast.AST, str] = {}
        self._partial_aliases: dict[str, str] | None = None
        self._aliases_complete = False
        self._cache: dict[Hashable, Any] = {}

    def cached(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the result that was computed under a key before, or compute and keep it.

        One base is compared with many candidates, so what depends on the base alone is kept.
        """
        if key not in self._cache:
            self._cache[key] = compute()
        result: T = self._cache[key]
        return result

    # ---- paths

    @cached_property
    def paths(self) -> list[tuple[str, ast.AST]]:
        """Each dotted path that the text reads or imports, with its node; wholes before parts."""
        found: list[tuple[str, ast.AST]] = []
        for node in self.nodes_of(ast.Name, ast.Attribute, ast.Subscript, ast.Call):
            stored = isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
            own = isinstance(node, ast.Name) and node.id in self.functions
            if not stored and not own and (path := self.path(node)):
                found.append((path, node))
        for statement in self.nodes_of(ast.Import, ast.ImportFrom):
            for a in statement.names:
                module = getattr(statement, "module", None)
                found.append((f"{module}.{a.name}" if module else a.name, statement))
        return found

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Full paths by name: of imports, and of names bound once to something imported."""
        found = dict(self.imports)
        times: dict[str, int] = defaultdict(int)
        for b in self.bindings:
            times[b.name] += not changes_only(b)
        for _ in range(3):  # an alias of an alias of an alias
            self._partial_aliases = found
            for b in self.bindings:
                if times[b.name] != 1 or b.name in self.imports or b.value is None:
                    continue
                # Only plain assignments: a loop or `with` binds something else than its value.
                if isinstance(b.node, ast.Assign | ast.NamedExpr | ast.arg):
                    path = self.path(b.value)
                    root = path.partition(".")[0]
                    if path and (root in self.roots or root in BUILTINS - {"None", "True"}):
                        found[b.name] = path
        self._aliases_complete = True
        return found

    def path(self, node: ast.AST) -> str:
        """Return the dotted path that an expression names, such as `torch.cuda.synchronize`.

        Aliases are resolved, and getattr with a known name, `__dict__`, vars, globals and
        sys.modules are followed. Empty for an expression that names nothing.
        """
        known = self.aliases if self._aliases_complete else self._partial_aliases
        if known is None:
            known = self.aliases
        if not self._aliases_complete:
            return _without_builtins(self._path(node, known))
        if node not in self._paths:
            self._paths[node] = _without_builtins(self._path(node, known))
        return self._paths[node]

    def _path(self, node: ast.AST, known: dict[str, str]) -> str:
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

    # ---- models

    def is_module_class(self, node: ast.ClassDef | None) -> bool:
        """Return whether a class is a torch module, judged by its base classes; False for None."""
        seen: set[str] = set()
        pending = [node]
        while pending:
            current = pending.pop()
            if current is None or current.name in seen:
                continue
            seen.add(current.name)
            for base in current.bases:
                path = self.path(base)
                if (
                    path.startswith("torch.")
                    and path.rpartition(".")[2] != "Optimizer"
                    and ".optim" not in path
                    and ".autograd" not in path
                    and ".utils" not in path
                ):
                    return True
                pending.append(self.classes.get(path))
        return False

    @cached_property
    def models(self) -> frozenset[str]:
        """Names in the text that hold a model, judged by how they are bound and used.

        How a model is built is free to change.
        """
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
            elif isinstance(b.value, ast.IfExp) and "torch.compile" in self.code(b.value):
                found.add(b.name)
        return frozenset(name for name in found if name not in self.imports and "opt" not in name)


def changes_only(binding: Binding) -> bool:
    """Return whether a binding changes a name's object, as `c[0] = 1` does, and not the name."""
    match binding.node:
        case ast.Call():
            return True
        case ast.AugAssign(target=target) if "." not in binding.name:
            return not isinstance(target, ast.Name)
        case ast.Assign(targets=targets) | ast.Delete(targets=targets) if "." not in binding.name:
            return not any(
                isinstance(n, ast.Name) and n.id == binding.name and not isinstance(n.ctx, ast.Load)
                for target in targets
                for n in ast.walk(target)
            )
    return False


def _without_builtins(path: str) -> str:
    return path.removeprefix("builtins.").removeprefix("__builtins__.")
