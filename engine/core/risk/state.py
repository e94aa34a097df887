"""Risk rules about state: a model must not tell by what happened before that it is evaluated."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from engine.core.finding import Weight
from engine.core.risk.bindings import Binding, chain_of
from engine.core.risk.edit import Edit, Fact, lines_of, quote
from engine.core.risk.execution import model_code
from engine.core.risk.measured import CLOCKS
from engine.core.risk.rule import Rule, RuleHit, rule
from engine.core.risk.source import ParsedSource, changes_only
from engine.core.risk.specialized import without_training
from engine.core.risk.timed import after_training, timed_loops
from engine.core.risk.tree import FunctionNode

_GROWING = frozenset(("append", "add", "extend", "update", "insert", "add_", "pop", "popleft"))
_PASSES = re.compile(r"^torch\._inductor\.config\..*custom")
_REGISTERED = re.compile(r"^torch\._dynamo\..*register_backend$")


@rule("call-count", Weight.BLOCK)
def call_count(edit: Edit) -> Iterable[RuleHit]:
    """A model that newly counts its calls, reads a clock, or reads a variable of the module that
    changes while the script runs: it could tell the evaluation from the training.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        code = model_code(source)
        changing = _changing_globals(source)
        for node in code:
            yield from _counting(source, node)
            match node:
                case ast.Name(id=name, ctx=ast.Load()) if name in changing:
                    bound = source.bindings_of(name, source.scope(node))
                    if all(b.scope is None for b in bound):
                        yield f"reads {name}", node
                case ast.Call(func=function) if source.path(function) in CLOCKS:
                    yield f"clock {source.path(function)}", node

    added = edit.added(facts)
    if not added:
        return
    if not without_training(edit).added(facts):
        return  # it is in code that only training runs
    for node in added:
        yield (
            lines_of(node),
            "The model's result depends on what ran before it, so it could behave differently in "
            f"the evaluation: {quote(edit.candidate.code(node), 40)}.",
        )


def _counting(source: ParsedSource, node: ast.AST) -> Iterator[Fact]:
    """Yield a node if it changes, depending on its value, what outlives the call of a function."""
    match node:
        case ast.AugAssign(target=target) if _outlives(source, target):
            yield f"counts {source.code(target)}", node
        case ast.Assign(targets=[target], value=value) if _outlives(source, target):
            read = {source.code(n) for n in source.within(value)}
            if source.code(target) in read:
                yield f"counts {source.code(target)}", node
        case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if attr in _GROWING:
            if _outlives(source, owner):
                yield f"counts {source.code(owner)}", node
        case ast.Call(func=ast.Name(id="next"), args=[counter, *_]) if _outlives(source, counter):
            yield f"counts {source.code(counter)}", node


def _outlives(source: ParsedSource, node: ast.AST) -> bool:
    """Return whether a place is one of an object, of the module, or of a default argument."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        root = chain_of(node).partition(".")[0]
        if root in source.imports:
            return False
        return (
            root in ("self", "cls") or root in source.classes or not _is_local(source, node, root)
        )
    return isinstance(node, ast.Name) and not _is_local(source, node, node.id)


def _is_local(source: ParsedSource, node: ast.AST, name: str) -> bool:
    """Return whether a name gets a new value in each call of the function around a node."""
    bound = [b for b in source.bindings_of(name, source.scope(node)) if not changes_only(b)]
    if not bound or any(b.scope is None for b in bound):
        return False
    defaults = [b.value for b in bound if isinstance(b.node, ast.arg)]
    return not any(isinstance(v, ast.List | ast.Dict | ast.Set | ast.Call) for v in defaults)


def _changing_globals(source: ParsedSource) -> set[str]:
    """Return the module's names that are bound again, or changed, once it has been set up."""

    def find() -> set[str]:
        return {
            b.name
            for b in source.bindings
            if "." not in b.name
            and (b.scope is None or (changes_only(b) and not _is_local(source, b.node, b.name)))
            and b.name not in source.imports
            and not isinstance(b.node, FunctionNode | ast.ClassDef)
            and _is_later(source, b)
            and b.name not in source.models
        }

    return source.cached("changing globals", find)


def _is_later(source: ParsedSource, b: Binding) -> bool:
    """Return whether a binding of the module is in a function, or in a loop that trains."""
    if source.function_of(b.node) is not None:
        return True
    return any(isinstance(n, ast.While) for n in source.ancestors(b.node))


@rule("changed-after-training", Weight.BLOCK)
def changed_after_training(edit: Edit) -> Iterable[RuleHit]:
    """A part of the model, or something it reads, set once the training is over: what is evaluated
    is then not what was trained.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        if not timed_loops(edit, source):
            return
        later = {id(n) for n in after_training(edit, source)}
        if not later:
            return
        names, attributes = _read_by_model(source)
        for b in source.bindings:
            if id(b.node) not in later or isinstance(b.node, ast.arg) or _in_place(b):
                continue
            owner, _, last = b.name.rpartition(".")
            of_model = last in attributes or owner.partition(".")[0] in source.models
            if of_model if owner else b.scope is None and b.name in names:
                yield b.name, b.node

    for node in edit.added(facts):
        shown = quote(edit.candidate.code(node), 40)
        yield lines_of(node), f"The edit changes the model once its training is over: {shown}."


def _in_place(b: Binding) -> bool:
    """Return whether a binding is a call of a tensor's method, which an average of weights uses."""
    match b.node:
        case ast.Call(func=ast.Attribute(attr=attr)):
            return attr.endswith("_")
    return False


def _read_by_model(source: ParsedSource) -> tuple[set[str], set[str]]:
    """Return the module's names and the attributes that are read where a model is called."""

    def find() -> tuple[set[str], set[str]]:
        names: set[str] = set()
        attributes: set[str] = set()
        for node in model_code(source):
            match node:
                case ast.Name(id=name, ctx=ast.Load()):
                    bound = source.bindings_of(name, source.scope(node))
                    if bound and all(b.scope is None for b in bound):
                        names.add(name)
                case ast.Attribute(attr=attr, ctx=ast.Load()):
                    attributes.add(attr)
                case ast.Call(func=ast.Name(id="getattr" | "hasattr"), args=[_, key, *_]):
                    if isinstance(key, ast.Constant):
                        attributes.add(str(key.value))
        return names, attributes

    return source.cached("read by the model", find)


@rule("compiler-back-end", Weight.BLOCK)
def compiler_back_end(edit: Edit) -> Iterable[RuleHit]:
    """`torch.compile` with a back-end or a pass that is the file's own function: it decides what
    the compiled model computes, whatever its code says.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for call in source.calls:
            paths = {source.path(n) for n in (call.func, *call.args)}
            compiles = bool(paths & {"torch.compile", "torch._dynamo.optimize"})
            if "torch._dynamo.optimize" in paths and call.args and not _is_text(call.args[0]):
                yield source.code(call), call
            for k in call.keywords if compiles else ():
                if k.arg == "backend" and not _is_text(_value(source, k.value)):
                    yield source.code(call), call
                elif k.arg in (None, "options"):
                    options = _value(source, k.value)
                    entries = options.values if isinstance(options, ast.Dict) else [options]
                    if not all(isinstance(_value(source, v), ast.Constant) for v in entries):
                        yield source.code(call), call
        for node in source.nodes_of(ast.Attribute, ast.Name):
            pattern = _PASSES if isinstance(node.ctx, ast.Store) else _REGISTERED
            if pattern.search(source.path(node)):
                yield source.path(node), node

    for node in edit.added(facts):
        yield lines_of(node), "The edit compiles the model by a function of its own."


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _value(source: ParsedSource, node: ast.expr) -> ast.expr:
    """Return the expression that a name is bound to, where it is bound once."""
    if isinstance(node, ast.Name):
        bound = source.bindings_of(node.id, source.scope(node))
        if len(bound) == 1 and bound[0].value is not None and isinstance(bound[0].node, ast.Assign):
            return bound[0].value
    return node


RULES: tuple[Rule, ...] = (call_count, changed_after_training, compiler_back_end)
