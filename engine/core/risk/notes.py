"""Risk rules that only inform: their findings are shown, but never hold an edit back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from engine.core.finding import Weight
from engine.core.risk.edit import Edit, Fact, lines_of, quote, where
from engine.core.risk.measured import outputs
from engine.core.risk.rule import Rule, RuleHit, rule
from engine.core.risk.source import ParsedSource


@rule("no-code-change", Weight.NOTE)
def no_code_change(edit: Edit) -> Iterable[RuleHit]:
    """Only comments, docstrings, annotations or formatting change: the run measures noise."""
    if _same_code(edit.base.nodes, edit.candidate.nodes):
        yield (
            tuple(sorted(edit.sides[1])),
            "The edit changes no code, so its result will be noise.",
        )


def _same_code(a: list[ast.AST], b: list[ast.AST]) -> bool:
    return len(a) == len(b) and all(map(_same_node, a, b))


def _same_node(a: ast.AST, b: ast.AST) -> bool:
    """Return whether two nodes have the same type and plain fields; descendants are ignored."""
    return type(a) is type(b) and all(
        _own(getattr(a, field, None)) == _own(getattr(b, field, None)) for field in a._fields
    )


def _own(value: object) -> object:
    """Return a node's field in a form to compare: child nodes as types; 1 and True differ."""
    if isinstance(value, list):
        return [_own(v) for v in value]
    return type(value) if isinstance(value, ast.AST) else (type(value), value)


@rule("removed-check", Weight.NOTE)
def removed_check(edit: Edit) -> Iterable[RuleHit]:
    """An assertion, a `raise` or an exit removed: a failure may come later or stay unnoticed."""

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.Assert, ast.Raise, ast.Call):
            if isinstance(node, ast.Assert | ast.Raise):
                yield source.code(node), node
            elif isinstance(node, ast.Call) and source.path(node.func) in (
                "sys.exit",
                "exit",
                "quit",
                "math.isfinite",
            ):
                yield source.path(node.func), node

    removed = edit.removed(facts)
    if removed:
        yield where(removed), "The edit removes a check (lines of the base)."


@rule("logging", Weight.NOTE)
def logging(edit: Edit) -> Iterable[RuleHit]:
    """Changed output outside of the guarded lines: the log may be read differently."""

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for call in outputs(source):
            yield source.code(call), call

    added, removed = edit.added(facts), edit.removed(facts)
    if added:
        yield where(added), "The edit changes what is printed."
    elif removed:
        yield where(removed), "The edit prints less than before (lines of the base)."


@rule("dtype", Weight.NOTE)
def dtype(edit: Edit) -> Iterable[RuleHit]:
    """Changed number types: they change speed and memory, and rounding may move the metric."""
    pattern = re.compile(
        r"^torch\.(bfloat16|float16|half|float32|float64|double|float8\w*|int8|set_default_dtype"
        r"|set_float32_matmul_precision|autocast|amp\.autocast)$"
    )

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.Attribute):
            if isinstance(node, ast.Attribute):
                if pattern.match(source.path(node)):
                    yield source.path(node), node
                elif node.attr in ("bfloat16", "half", "double"):
                    yield node.attr, node

    added = edit.added(facts)
    if added:
        yield (
            where(added),
            "The edit changes number types, which affects speed, memory and rounding.",
        )


@rule("compiler", Weight.NOTE)
def compiler(edit: Edit) -> Iterable[RuleHit]:
    """`torch.compile` or a torch back-end setting changed: it affects start-up and rounding."""

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.Call, ast.Attribute):
            if isinstance(node, ast.Call) and source.path(node.func) == "torch.compile":
                yield source.code(node), node
            elif (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and re.match(r"torch\.(backends|_dynamo|_inductor)\.", source.path(node))
            ):
                yield source.code(source.statement(node)), node

    added, removed = edit.added(facts), edit.removed(facts)
    if added:
        yield where(added), "The edit changes how torch compiles or computes."
    elif removed:
        yield where(removed), "The edit compiles less than before (lines of the base)."


@rule("unused", Weight.NOTE)
def unused(edit: Edit) -> Iterable[RuleHit]:
    """A new function or class that nothing uses: the idea may have no effect on the run."""
    source = edit.candidate
    known = {*edit.base.functions, *edit.base.classes}
    used = {n.id for n in source.nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    for name, node in {**source.functions, **source.classes}.items():
        if name not in known | used and not name.startswith("__") and not node.decorator_list:
            yield lines_of(node)[:1], f"The edit defines {quote(name)}, which nothing uses."


@rule("waiting", Weight.NOTE)
def waiting(edit: Edit) -> Iterable[RuleHit]:
    """Pauses and further clock readings: they cost training time."""

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for call in source.calls:
            if re.match(r"time\.\w+$", source.path(call.func)):
                yield source.path(call.func), call

    added = edit.added(facts)
    if added:
        yield where(added), "The edit waits or reads the clock more often."


RULES: tuple[Rule, ...] = (
    no_code_change,
    removed_check,
    logging,
    dtype,
    compiler,
    unused,
    waiting,
)
