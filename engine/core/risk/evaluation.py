"""Risk rules about the evaluation: how it is called, on which model, and on which data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from engine.core.finding import Weight
from engine.core.risk.edit import Edit, Fact, lines_of, quote, where
from engine.core.risk.folding import literal
from engine.core.risk.measured import evaluations
from engine.core.risk.rule import Rule, RuleHit, rule
from engine.core.risk.slicing import Slice
from engine.core.risk.source import ParsedSource
from engine.core.risk.tree import FunctionNode

_VALIDATION = frozenset(("val", "valid", "validation", "test", "eval", "dev", "holdout", "heldout"))
_SPLITS = re.compile(r"(^|[_./\d])(val|valid|validation|test|heldout)([_./\d]|$)", re.I)
_WRAPPERS = re.compile(r"(^|\.)(deepcopy|AveragedModel|compile|DistributedDataParallel|to|cuda)$")


@rule("evaluation-use", Weight.BLOCK)
def evaluation_use(edit: Edit) -> Iterable[RuleHit]:
    """The harness's evaluation called with other arguments, elsewhere, more often or not at all, or
    its function passed to something else: results are comparable only if it is used the same way.
    """
    paths = evaluations(edit)

    def facts(source: ParsedSource) -> Iterator[Fact]:
        chains = Slice(source, edit.harness, bodies=False)
        for node in source.nodes_of(ast.Name, ast.Attribute):
            if source.path(node) not in paths:
                continue
            if isinstance(node.ctx, ast.Load):
                parent = source.parents.get(node)
                if isinstance(parent, ast.Call) and parent.func is node:
                    shown = chains.code(parent) if parent.args else source.code(parent)
                    around = chains.blocks_around(source.statement(parent))
                    yield f"{around}{source.path(node)}: {shown.partition('(')[2]}", parent
                else:
                    yield f"value {source.path(node)}", node

    added, removed = edit.added(facts), edit.removed(facts)
    nodes, side = (added, "") if added else (removed, " (lines of the base)")
    if nodes:
        yield (
            where(nodes),
            f"The edit changes how the evaluation is called{side}, so the "
            "metric is not comparable with earlier ones.",
        )


def _evaluated(edit: Edit, source: ParsedSource) -> set[str]:
    """Return the names that a text passes to the harness's evaluation as its first argument."""
    paths = evaluations(edit)
    return {
        call.args[0].id
        for call in source.calls
        if source.path(call.func) in paths and call.args and isinstance(call.args[0], ast.Name)
    }


@rule("evaluated-wrapper", Weight.BLOCK)
def evaluated_wrapper(edit: Edit) -> Iterable[RuleHit]:
    """The name passed to the evaluation bound to a function, a lambda or a partial: something other
    than the trained model would be measured.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for name in _evaluated(edit, source):
            for b in source.by_name.get(name, []):
                called = source.path(b.value.func) if isinstance(b.value, ast.Call) else ""
                value = source.path(b.value) if isinstance(b.value, ast.Name) else ""
                if (
                    isinstance(b.node, FunctionNode)
                    or isinstance(b.value, ast.Lambda)
                    or called.endswith("partial")
                    or value in source.functions
                ):
                    yield source.code(b.node), b.node

    for node in edit.added(facts):
        yield (
            lines_of(node),
            "The edit replaces the evaluated model with a function.",
        )


@rule("evaluated-model", Weight.ASK)
def evaluated_model(edit: Edit) -> Iterable[RuleHit]:
    """Another object passed to the evaluation than before: it may be an average of the trained
    weights, which is legitimate, or something that was not trained within the budget.
    """
    before, after = _evaluated(edit, edit.base), _evaluated(edit, edit.candidate)
    paths = evaluations(edit)
    for call in edit.candidate.calls:
        if edit.candidate.path(call.func) in paths and call.args:
            first = call.args[0]
            if isinstance(first, ast.Name) and first.id in after - before:
                if _is_average(edit.candidate, first.id):
                    continue
                yield (
                    lines_of(call),
                    f"The edit evaluates {quote(first.id)}, another object than before.",
                )
    for name in after & before:
        for node in _reassignments(edit, name):
            yield lines_of(node), f"The edit assigns {quote(name)}, which is evaluated, once more."


def _reassignments(edit: Edit, name: str) -> Iterator[ast.AST]:
    """Yield new assignments to an evaluated name if the candidate has more than the base.

    Wrapping the model, such as by `torch.compile`, does not count.
    """
    known = edit.base.by_name.get(name, [])
    bound = edit.candidate.by_name.get(name, [])
    if not known or len(bound) <= len(known):
        return
    shown = {edit.base.code(b.node) for b in known}
    for b in bound:
        call = edit.candidate.path(b.value.func) if isinstance(b.value, ast.Call) else ""
        plain = isinstance(b.node, ast.Assign) and not _WRAPPERS.search(call)
        if plain and edit.candidate.code(b.node) not in shown:
            yield b.node


def _is_average(source: ParsedSource, name: str) -> bool:
    """Return whether a name is bound only to copies or wrappers of a model, such as averages."""
    bound = source.by_name.get(name, [])
    return bool(bound) and all(
        isinstance(b.value, ast.Call)
        and (
            _WRAPPERS.search(source.path(b.value.func) or source.code(b.value.func))
            or source.is_module_class(source.classes.get(source.path(b.value.func)))
            or isinstance(b.node, ast.Expr | ast.Call)
        )
        for b in bound
    )


@rule("evaluation-state", Weight.ASK)
def evaluation_state(edit: Edit) -> Iterable[RuleHit]:
    """`model.eval()` removed, or `model.train()` called after it: layers such as dropout stay on
    while the metric is measured.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for call in source.calls:
            if isinstance(call.func, ast.Attribute) and call.func.attr == "eval" and not call.args:
                yield "eval", call

    for node in edit.removed(facts):
        yield (
            lines_of(node),
            "The edit no longer switches the model to evaluation mode (line of the base).",
        )

    def returns(source: ParsedSource) -> Iterator[Fact]:
        last = max((lines_of(node)[0] for _, node in facts(source)), default=None)
        for call in source.calls:
            match call:
                case ast.Call(func=ast.Attribute(attr="train"), args=args) if (
                    last is not None
                    and call.lineno > last
                    and all(literal(source, a) != "False" for a in args)
                ):
                    yield "train", call

    for node in edit.added(returns):
        yield lines_of(node), "The edit switches the model back to training mode."


@rule("validation-data", Weight.BLOCK)
def validation_data(edit: Edit) -> Iterable[RuleHit]:
    """Validation data used outside of the evaluation: a new split name, a new `val` member, or a
    harness call whose split can no longer be determined; training on it makes the metric worthless.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(
            ast.Constant, ast.Subscript, ast.BinOp, ast.Attribute, ast.Name
        ):
            match node:
                case ast.Constant(value=str(text)) if _is_split(text):
                    yield text.lower(), node
                case ast.Subscript(slice=key) if _is_split(literal(source, key)):
                    yield f"[{literal(source, key)}]", node
                case ast.BinOp() if _is_split(literal(source, node)):
                    yield literal(source, node), node
                case ast.Attribute(attr=attr, ctx=ast.Load()) if attr in _VALIDATION - {"eval"}:
                    yield f".{attr}", node
                case ast.Name(id=name, ctx=ast.Load()) if _reads_validation(name):
                    yield name, node

    for node in edit.added(facts):
        if not _in_print(edit.candidate, node):
            yield lines_of(node), "The edit uses validation data outside of the evaluation."
    calls, base = (
        _calls_with_unknown_split(edit, edit.candidate),
        _calls_with_unknown_split(edit, edit.base),
    )
    for key, call in calls.items():
        if key not in base:
            yield (
                lines_of(call),
                "It can no longer be determined which split of the data is used for training.",
            )


def _is_split(text: str) -> bool:
    return text.lower() in _VALIDATION or (
        len(text) < 80 and _SPLITS.search(text) is not None and "." in text
    )


def _reads_validation(name: str) -> bool:
    return (
        re.match(
            r"(x|y)?_?(val|valid|validation|test)_(data|x|y|loader|set|dataset|tokens|batch\w*|iter)$"
            r"|(x|y)_?(val|valid|test)$",
            name,
            re.I,
        )
        is not None
    )


def _in_print(source: ParsedSource, node: ast.AST) -> bool:
    return any(
        isinstance(p, ast.Call) and source.path(p.func) == "print" for p in source.ancestors(node)
    )


def _calls_with_unknown_split(edit: Edit, source: ParsedSource) -> dict[str, ast.Call]:
    """Return the calls that load data from the harness with a `split` that is not a known text.

    The keys identify the call by its path and the argument's code.
    """
    found = {}
    for call in source.calls:
        path = source.path(call.func)
        if edit.harness.match(path) and re.search(r"load|batch|data", path.rpartition(".")[2]):
            given = [*call.args[3:4], *(k.value for k in call.keywords if k.arg == "split")]
            for value in given:
                if not literal(source, value):
                    found[f"{path} {source.code(value)}"] = call
    return found


RULES: tuple[Rule, ...] = (
    evaluation_use,
    evaluated_wrapper,
    validation_data,
    evaluated_model,
    evaluation_state,
)
