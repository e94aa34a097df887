"""Finds the bindings of a source text: which statement gives which name a value."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.core.risk.tree import FunctionNode, Scope, SourceTree

Bind = Callable[[ast.AST, ast.AST, ast.expr | None], None]
_MUTATORS = frozenset(
    (
        "append",
        "extend",
        "update",
        "pop",
        "popitem",
        "clear",
        "insert",
        "remove",
        "setdefault",
        "reverse",
        "sort",
    )
)


@dataclass(frozen=True)
class Binding:
    """One place in a text that binds a value to a name, to an attribute or to a part of either."""

    name: str
    """The bound name: `total`, `run.seconds` for an attribute, `rows` for `rows[0]`."""
    scope: Scope
    node: ast.AST
    """The statement that binds the name, or a smaller construct such as a parameter."""
    value: ast.expr | None
    """The expression whose value is bound; None if there is none, as in `del x` or `import x`."""


def find_imports(source: SourceTree) -> dict[str, str]:
    """Return the imported names of a text with their full paths: `{"F": "torch.nn.functional"}`."""
    found: dict[str, str] = {}
    for node in source.nodes:
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


def find_bindings(source: SourceTree, imports: dict[str, str]) -> list[Binding]:
    """Return every binding in a text; `rows.append(x)` counts as a binding of `rows`.

    Args:
        source: The parsed text.
        imports: The result of `find_imports` for the same text.
    """
    shared = {
        (source.scope(n), name)
        for n in source.nodes
        if isinstance(n, ast.Global | ast.Nonlocal)
        for name in n.names
    }
    found: list[Binding] = []

    def bind(target: ast.AST, node: ast.AST, value: ast.expr | None) -> None:
        match target:
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                parts = value.elts if isinstance(value, ast.Tuple | ast.List) else []
                same = len(parts) == len(elts)
                for i, e in enumerate(elts):
                    bind(e, node, parts[i] if same else value)
            case ast.Starred(value=inner):
                bind(inner, node, value)
            case ast.Subscript(value=container):
                member = _namespace_member(target)
                if member:
                    found.append(Binding(member, None, node, value))
                else:
                    bind(container, node, value)
            case ast.Name(id=name):
                scope = source.scope(node)
                at = None if (scope, name) in shared else scope
                found.append(Binding(name, at, node, value))
            case ast.Attribute():
                if chain := chain_of(target):
                    found.append(Binding(chain, source.scope(node), node, value))

    for node in source.nodes:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    bind(target, node, value)
            case (
                ast.AugAssign(target=target, value=value)
                | ast.NamedExpr(target=target, value=value)
            ):
                bind(target, node, value)
            case ast.AnnAssign(target=target):
                bind(target, node, None)
            case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
                bind(target, node, value)
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                bind(target, node, value)
            case ast.Delete(targets=targets):
                for target in targets:
                    bind(target, node, None)
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
                | ast.MatchMapping(rest=str(name))
            ):
                found.append(Binding(name, source.scope(node), node, None))
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for a in names:
                    local = a.asname or a.name.partition(".")[0]
                    found.append(Binding(local, source.scope(node), node, None))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.append(Binding(node.name, source.scope(node), node, None))
                if not isinstance(node, ast.ClassDef):
                    found += _parameters(node)
            case ast.Lambda():
                found += _parameters(node)
            case ast.Call():
                _bind_by_call(node, imports, bind)
    return found


def _parameters(node: FunctionNode | ast.Lambda) -> Iterator[Binding]:
    a = node.args
    plain = [*a.posonlyargs, *a.args]
    values: list[ast.expr | None] = [None] * (len(plain) - len(a.defaults)) + [*a.defaults]
    named = [*zip(plain, values, strict=True), *zip(a.kwonlyargs, a.kw_defaults, strict=True)]
    for arg, value in [*named, *((x, None) for x in (a.vararg, a.kwarg) if x is not None)]:
        yield Binding(arg.arg, node, arg, value)


def _bind_by_call(node: ast.Call, imports: dict[str, str], bind: Bind) -> None:
    match node:
        case ast.Call(func=ast.Name(id="setattr"), args=[owner, ast.Constant(value=str(key)), v]):
            bind(ast.Attribute(owner, key, ast.Store()), node, v)
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="object"), attr="__setattr__"),
            args=[owner, ast.Constant(value=str(key)), v],
        ):
            bind(ast.Attribute(owner, key, ast.Store()), node, v)
        case ast.Call(
            func=ast.Attribute(value=owner, attr="__setattr__"),
            args=[ast.Constant(value=str(key)), v],
        ):
            bind(ast.Attribute(owner, key, ast.Store()), node, v)
        case ast.Call(func=ast.Attribute(value=owner, attr=method)):
            in_place = method.endswith("_") and not method.endswith("__")
            # torch.nn.init.normal_(weight) changes what it is given, not the module.
            of_library = chain_of(owner).partition(".")[0] in imports
            if (in_place or method in _MUTATORS) and not of_library:
                bind(owner, node, None)


def chain_of(node: ast.AST) -> str:
    """Return an expression that is a chain of names as text, `a.b.c`; empty for any other.

    Subscripts within the chain are skipped: `a.b[0].c` is `a.b.c`, too.
    """
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
        while isinstance(node, ast.Subscript):
            node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def _namespace_member(target: ast.Subscript) -> str:
    """Return the name that a subscript such as `globals()["x"]` refers to; empty for others.

    `globals()["x"]` is x; `vars(run)["x"]` and `run.__dict__["x"]` are run.x.
    """
    match target:
        case ast.Subscript(
            value=ast.Call(func=ast.Name(id="globals" | "locals" | "vars"), args=args),
            slice=ast.Constant(value=str(key)),
        ):
            owner = chain_of(args[0]) if args else ""
            return f"{owner}.{key}" if owner else key
        case ast.Subscript(
            value=ast.Attribute(value=value, attr="__dict__"),
            slice=ast.Constant(value=str(key)),
        ):
            owner = chain_of(value)
            return f"{owner}.{key}" if owner else ""
    return ""
