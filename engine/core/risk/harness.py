"""Risk rules about the locked files and libraries: none of their parts may be replaced."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from engine.core.finding import Weight
from engine.core.risk.bindings import Binding
from engine.core.risk.edit import Edit, Fact, lines_of, quote
from engine.core.risk.folding import literal
from engine.core.risk.rule import Rule, RuleHit, rule
from engine.core.risk.source import ParsedSource

_SWITCHES = re.compile(
    r"^torch\.(backends|_dynamo|_inductor|compiler|_functorch|set_|utils\.deterministic)"
    r"|^(matplotlib|warnings|np|numpy)\."
)
_OVERRIDES = re.compile(
    r"(^|\.)(TorchFunctionMode|TorchDispatchMode|__torch_function__|__torch_dispatch__"
    r"|_python_dispatch|FakeTensorMode|reset_peak_memory_stats)$|^torch\.library\.(Library|impl|register)"
    r"|(^|\.)patch(\.object|\.dict|\.multiple)?$"
)


_CHANGING = re.compile(
    r"(update|setdefault|clear|pop|popitem|popleft|append|appendleft|extend|insert|remove|sort|reverse"
    r"|add|discard|fill|\w+_update|__(set|del)(item|attr)__|__i\w+__|[a-z]\w*[a-z0-9]_)$"
)
"""Matches methods that change their object, torch's of the form `fill_` included."""
_CHANGES_ARGUMENT = re.compile(
    r"((set|del)attr|vars|importlib\.reload|(operator|_operator)\.((set|del)item|i[a-z]+)"
    r"|numpy\.(copyto|put|place|putmask|fill_diagonal)|random\.shuffle)$"
)
"""Matches functions that change their first argument, or return the namespace to change it by."""
_FUNCTION_PARTS = ("__dict__", "__globals__", "__code__", "__defaults__", "__kwdefaults__")


def _owner(source: ParsedSource, node: ast.AST) -> str:
    """Return the dotted path of what an expression is a part of: `prepare.X` for `prepare.X[0]`.

    Empty for an expression that names nothing, such as the result of a call.
    """
    while not (path := source.path(node)):
        match node:
            case (
                ast.Subscript(value=value) | ast.Attribute(value=value) | ast.NamedExpr(value=value)
            ):
                node = value
            case ast.Call(func=ast.Name(id="vars"), args=[value]):
                node = value
            case _:
                return ""
    return path


def _changes_argument(source: ParsedSource, function: ast.AST) -> bool:
    """Return whether a function changes its first argument: `setattr`, `dict.update`, `zeros_`."""
    path = source.path(function)
    if _CHANGES_ARGUMENT.match(path):
        return True
    if not isinstance(function, ast.Attribute) or not _CHANGING.match(function.attr):
        return False
    unbound = path.partition(".")[0] in ("dict", "list", "set", "bytearray", "collections")
    return unbound or function.attr.startswith("__") or function.attr.endswith("_")


def _full_path(source: ParsedSource, name: str) -> str:
    """Return the dotted path of a bound name, with an alias at its root resolved."""
    root, dot, rest = name.partition(".")
    return source.aliases.get(root, root) + dot + rest


def _stores(source: ParsedSource, b: Binding) -> Iterator[str]:
    """Yield the dotted paths that an attribute's binding may change, with aliases resolved.

    Nothing is yielded for an attribute of an object that was not imported.
    """
    root, _, rest = b.name.partition(".")
    if root in source.aliases:
        yield _full_path(source, b.name)
        return
    for origin in source.bindings_of(root, b.scope):
        if isinstance(origin.value, ast.Name | ast.Attribute) and isinstance(
            origin.node, ast.Assign
        ):
            path = source.path(origin.value)
            if path.partition(".")[0] in source.roots:
                yield f"{path}.{rest}"


@rule("harness-write", Weight.BLOCK)
def harness_write(edit: Edit) -> Iterable[RuleHit]:
    """An assignment to a member of the harness or of something imported from it, in any form
    (attribute, setattr, `__dict__`, `sys.modules`, `__code__`, a method such as `update`): it
    changes the locked code.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for b in source.bindings:
            if "." in b.name and any(edit.harness.match(p) for p in _stores(source, b)):
                yield b.name, b.node

        def is_locked(node: ast.AST) -> bool:
            return bool(edit.harness.match(_owner(source, node)))

        for node in source.nodes_of(ast.Subscript, ast.Attribute, ast.Call):
            match node:
                case ast.Subscript(ctx=ast.Store() | ast.Del(), value=value):
                    if is_locked(value) or _owner(source, value) == "sys.modules":
                        yield f"store {source.code(node)}", node
                case ast.Attribute(ctx=ast.Store() | ast.Del(), value=value):
                    if is_locked(value):
                        yield f"store {source.code(node)}", node
                case ast.Attribute(attr=attr, value=value):
                    if attr in _FUNCTION_PARTS and is_locked(node):
                        yield f"{source.code(node)}", node
                    elif _CHANGING.match(attr) and (
                        is_locked(value)
                        or _owner(source, value) == "sys.modules"
                        or re.match(r"(globals|vars|locals)\(", source.code(value))
                    ):
                        yield f"set {source.code(node)}", node
                case ast.Call(func=function, args=[first, *rest]):
                    if (is_locked(first) and _changes_argument(source, function)) or (
                        source.path(first) in ("setattr", "delattr")
                        and any(is_locked(n) for arg in rest for n in ast.walk(arg))
                    ):
                        yield f"set {source.code(node)}", node

    for node in edit.added(facts):
        yield lines_of(node), "The edit changes the locked harness while it runs."


@rule("harness-shadowed", Weight.BLOCK)
def harness_shadowed(edit: Edit) -> Iterable[RuleHit]:
    """A name that the base imports from the harness redefined, in any scope: what looks like the
    harness's value or function would be the edit's own.
    """
    guarded = {n for n, path in edit.base.imports.items() if edit.harness.match(path)}

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for b in source.bindings:
            if b.name in guarded and not _same_import(edit, source, b):
                yield b.name, b.node
        for node in source.nodes_of(ast.comprehension, ast.Subscript):
            match node:
                case ast.comprehension(target=ast.Name(id=name)) if name in guarded:
                    yield f"comprehension {name}", node.target
                case ast.Subscript(ctx=ast.Store()) if source.path(node) and any(
                    source.path(node) in (g, edit.base.imports[g]) for g in guarded
                ):
                    yield f"store {source.code(node)}", node

    for node in edit.added(facts):
        yield lines_of(node), "The edit redefines a name of the locked harness."


def _same_import(edit: Edit, source: ParsedSource, b: Binding) -> bool:
    if not isinstance(b.node, ast.Import | ast.ImportFrom):
        return "." in b.name
    for a in b.node.names:
        if (a.asname or a.name.partition(".")[0]) == b.name:
            module = getattr(b.node, "module", None)
            path = f"{module}.{a.name}" if module else a.name
            return path == edit.base.imports.get(b.name)
    return False


@rule("harness-object", Weight.BLOCK)
def harness_object(edit: Edit) -> Iterable[RuleHit]:
    """An object created by the harness (device, tokenizer, loader) changed, or replaced by one
    created
    differently: budget, data and metric rely on it.
    """
    objects = {
        b.name
        for b in edit.base.bindings
        if isinstance(b.value, ast.Call)
        and "." not in b.name
        and edit.harness.match(edit.base.path(b.value.func))
        and not re.search(r"loader|batch", edit.base.path(b.value.func))
        and not re.match(r"val|eval|metric|score|loss", b.name)
    }

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for b in source.bindings:
            root = b.name.partition(".")[0]
            if root in objects and "." in b.name:
                yield b.name, b.node
            elif b.name in objects and b.value is not None and not isinstance(b.node, ast.arg):
                yield f"{b.name} = {source.code(b.value)}", b.node
        for call in source.calls:
            if (
                source.path(call.func) in ("setattr", "object.__setattr__", "delattr")
                and call.args
                and source.code(call.args[0]).partition(".")[0] in objects
            ):
                yield source.code(call), call

    for node in edit.added(facts):
        yield (
            lines_of(node),
            "The edit changes or replaces an object created by the locked harness.",
        )


@rule("patched-module", Weight.BLOCK)
def patched_module(edit: Edit) -> Iterable[RuleHit]:
    """A function or class of torch, time or another imported module replaced, or torch's calls
    intercepted: the harness uses them as well.
    """

    libraries = {n for n, p in edit.base.imports.items() if not edit.harness.match(p)}

    def facts(source: ParsedSource) -> Iterator[Fact]:
        imported = source.imports
        for b in source.bindings:
            if "." in b.name:
                for path in _stores(source, b):
                    if not _SWITCHES.match(path) and not path.startswith(("sys.std", "os.environ")):
                        yield f"store {path}", b.node
            elif (
                b.name in libraries
                and not isinstance(b.node, ast.Import | ast.ImportFrom)
                and not isinstance(b.node, ast.arg)
            ):
                yield f"shadow {b.name}", b.node
        for call in source.calls:
            if source.path(call.func) in ("setattr", "delattr") and call.args:
                root = source.path(call.args[0]).partition(".")[0]
                if root in {p.partition(".")[0] for p in imported.values()}:
                    yield source.code(call), call
        for node in source.nodes_of(ast.Attribute, ast.Name, ast.FunctionDef):
            if isinstance(node, ast.Attribute | ast.Name) and _OVERRIDES.search(source.path(node)):
                yield source.path(node), node
            elif isinstance(node, ast.FunctionDef) and _OVERRIDES.search(node.name):
                yield node.name, node
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and re.match(r"type\(|.*\.__class__$", source.code(node.value))
            ):
                # type(device).synchronize = …: a class reached through an instance
                yield f"store {source.code(node)}", node

    for node in edit.added(facts):
        yield (
            lines_of(node),
            "The edit replaces part of a library that the measurement uses as well.",
        )


@rule("harness-import", Weight.ASK)
def harness_import(edit: Edit) -> Iterable[RuleHit]:
    """Something new imported from the harness, or the module itself: it may reach data or rules
    that training should not see.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.Import, ast.ImportFrom, ast.Call):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for a in node.names:
                    module = getattr(node, "module", None)
                    path = f"{module}.{a.name}" if module else a.name
                    if edit.harness.match(path):
                        yield path, node
            elif isinstance(node, ast.Call) and re.search(
                r"(^|\.)(import_module|__import__)$", source.code(node.func)
            ):
                name = literal(source, node.args[0]) if node.args else ""
                if edit.harness.match(name):
                    yield name, node

    for node in edit.added(facts):
        yield (
            lines_of(node),
            f"The edit imports more from the harness: {quote(edit.candidate.code(node))}.",
        )


RULES: tuple[Rule, ...] = (
    harness_write,
    harness_shadowed,
    harness_object,
    patched_module,
    harness_import,
)
