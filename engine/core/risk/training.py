"""Finds what trains in a training file: backward passes, updates, and draws of training data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from engine.core.risk.edit import Fact
from engine.core.risk.execution import execution
from engine.core.risk.folding import literal
from engine.core.risk.source import ParsedSource

_METHODS = ("backward", "step")
_AT_ONCE = re.compile(
    r"^torch\.autograd\.(grad|backward|functional\.\w+|forward_ad\.\w+)$"
    r"|^(torch\.func|functorch)\.(vjp|jvp|linearize)$"
)
"""Matches functions that compute gradients when they are called."""
_TRANSFORMS = re.compile(
    r"^(torch\.func|functorch)\.(grad|grad_and_value|jacrev|jacfwd|hessian)$"
    r"|(^|\.)value_and_grad$|^jax\.(grad|jacrev|jacfwd|hessian)$"
)
"""Matches functions whose result computes gradients when it is called."""
_LAZY = frozenset(("islice", "zip", "iter", "enumerate", "map", "filter", "chain", "cycle"))


def training_work(source: ParsedSource, nodes: Iterable[ast.AST]) -> Iterator[Fact]:
    """Yield the nodes that compute gradients or update weights, with the loops around each.

    Args:
        source: The parsed text.
        nodes: The nodes to examine.
    """
    aliases = _aliases(source)
    for node in nodes:
        if isinstance(node, ast.Call) and _trains(source, node, aliases):
            yield _key(source, node), node


def _trains(source: ParsedSource, call: ast.Call, aliases: set[str]) -> bool:
    """Return whether a call trains by itself, or hands a method that trains to a library."""
    function = call.func
    if isinstance(function, ast.Name) and function.id in aliases:
        return True
    if _is_primitive(source, function) or _AT_ONCE.match(source.path(function)):
        return True
    if isinstance(function, ast.Call) and _is_transform(source, function):
        return True
    if _is_own(source, function) or _is_value(source, call):
        return False
    return any(_is_primitive(source, v) for v in (*call.args, *(k.value for k in call.keywords)))


def data_draws(source: ParsedSource, nodes: Iterable[ast.AST]) -> Iterator[Fact]:
    """Yield the nodes that draw training data, with the loops around each.

    Args:
        source: The parsed text.
        nodes: The nodes to examine.
    """
    names = _data_names(source)
    lazy_code = _generator_code(source)
    for node in nodes:
        drawn: ast.AST | None = None
        match node:
            case ast.Call(func=ast.Name(id="next"), args=[first, *_]) if _last(first) in names:
                drawn = node
            case ast.Call() if _gives_training_data(source, node):
                drawn = node
            case ast.For(iter=head) | ast.comprehension(iter=head):
                lazy = isinstance(source.parents.get(node), ast.GeneratorExp)
                if not lazy and any(_last(n) in names for n in source.within(head)):
                    drawn = head
            case ast.Call(args=args) if any(_last(a) in names for a in args):
                called = source.path(node.func).rpartition(".")[2]
                if called not in _LAZY and not _is_own(source, node.func):
                    drawn = node
        if drawn is not None and node not in lazy_code:
            yield _key(source, node), drawn


def functions_that_train(source: ParsedSource) -> set[str]:
    """Return the names of the text's functions and methods that train, at least by others."""

    def find() -> set[str]:
        calls = execution(source)
        training = {calls.unit_of(node) for _, node in training_work(source, source.nodes)}
        return {getattr(unit, "name", "") for unit in calls.callers(training)} - {""}

    return source.cached("functions that train", find)


def _key(source: ParsedSource, node: ast.AST) -> str:
    """Return a node's code with the heads of the loops around it and the numbers they name."""
    heads = []
    for parent in source.ancestors(node):
        match parent:
            case ast.For(iter=head) | ast.While(test=head) | ast.comprehension(iter=head):
                values = [
                    source.code(b.value)
                    for n in source.within(head)
                    if isinstance(n, ast.Name)
                    for b in source.by_name.get(n.id, ())
                    if isinstance(b.value, ast.Constant)
                ]
                heads.append(f"{source.code(head)} {values}")
            case ast.FunctionDef():
                break
    return f"{heads} {source.code(node)[:200]}"


def _is_primitive(source: ParsedSource, node: ast.AST) -> bool:
    """Return whether an expression is a method that trains, such as `optimizer.step`."""
    match node:
        case ast.Attribute(attr=attr):
            return attr in _METHODS
        case ast.Call(func=ast.Name(id="getattr"), args=[_, key, *_]):
            return literal(source, key) in _METHODS
        case ast.Call(func=function, args=[key, *_]):
            called = source.path(function).rpartition(".")[2]
            if called == "methodcaller":
                return literal(source, key) in _METHODS
            return called == "partial" and _is_primitive(source, key)
    return False


def _is_transform(source: ParsedSource, node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and bool(_TRANSFORMS.search(source.path(node.func)))


def _aliases(source: ParsedSource) -> set[str]:
    """Return the names that are bound to something that trains when it is called."""

    def find() -> set[str]:
        found = {
            b.name
            for b in source.bindings
            if b.value is not None
            and (_is_primitive(source, b.value) or _is_transform(source, b.value))
        }
        for call in source.calls:
            function = source.functions.get(call.func.id) if _is_own(source, call.func) else None  # type: ignore[attr-defined]
            if function is not None:
                parameters = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
                given = dict(zip(parameters, call.args, strict=False))
                given |= {k.arg: k.value for k in call.keywords if k.arg}
                found |= {name for name, value in given.items() if _is_primitive(source, value)}
        return found

    return source.cached("training aliases", find)


def _is_value(source: ParsedSource, node: ast.AST) -> bool:
    """Return whether an expression is the whole value of an assignment."""
    return isinstance(source.parents.get(node), ast.Assign | ast.Tuple)


def _is_own(source: ParsedSource, function: ast.AST) -> bool:
    return isinstance(function, ast.Name) and (
        function.id in source.functions or function.id in source.classes
    )


def _data_names(source: ParsedSource) -> set[str]:
    """Return the names, and last parts of attributes, that iterate over training data."""

    def find() -> set[str]:
        return {
            b.name.rpartition(".")[2]
            for b in source.bindings
            if isinstance(b.value, ast.Call)
            and isinstance(b.node, ast.Assign)
            and isinstance(b.node.targets[0], ast.Name | ast.Attribute)
            and (
                _gives_training_data(source, b.value)
                or source.path(b.value.func).endswith("DataLoader")
            )
        }

    return source.cached("data names", find)


def _gives_training_data(source: ParsedSource, call: ast.Call) -> bool:
    """Return whether a call names the training split; loading all of it counts as well."""
    values = (*call.args, *(k.value for k in call.keywords))
    return any(isinstance(v, ast.Constant) and v.value == "train" for v in values)


def _last(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _generator_code(source: ParsedSource) -> set[ast.AST]:
    """Return the nodes of the text's generator functions, which run when an item is drawn."""

    def find() -> set[ast.AST]:
        calls = execution(source)
        units = {calls.unit_of(n) for n in source.nodes_of(ast.Yield, ast.YieldFrom)}
        return {n for unit in units for n in calls.nodes_of(unit)}

    return source.cached("generator code", find)
