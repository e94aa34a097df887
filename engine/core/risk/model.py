"""Risk rules about the model: it must behave in the evaluation as it does in training."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from engine.core.finding import Weight
from engine.core.risk.edit import Edit, Fact, lines_of, where
from engine.core.risk.execution import model_code
from engine.core.risk.folding import literal
from engine.core.risk.measured import metric_slice
from engine.core.risk.rule import Rule, RuleHit, rule
from engine.core.risk.source import ParsedSource
from engine.core.risk.specialized import (
    TARGETS,
    in_evaluation,
    is_same_by_targets,
    is_training_only,
)
from engine.core.risk.tree import FunctionNode

_DROPOUT = re.compile(r"dropout|batch_norm|rrelu|instance_norm")
_MODES = re.compile(
    r"(^|\.)(is_grad_enabled|is_inference_mode_enabled|is_inference|_getframe|currentframe"
    r"|is_autocast_enabled|_get_tracing_state|is_tracing|is_scripting"
    r"|is_compiling|is_dynamo_compiling|is_exporting|getouterframes|extract_stack|format_stack|walk_stack)$|^inspect\.stack$"
)
_GRADIENTS = frozenset(("requires_grad", "grad_fn", "is_leaf", "grad"))
"""Attributes of a tensor that tell whether gradients are computed."""
_REDUCTIONS = frozenset(("reduction", "loss_reduction"))
_LOSS = re.compile(r"^torch\.nn\.functional\.(\w*cross_entropy\w*|\w*loss)$")
_MODULE_METHODS = frozenset(
    (
        "__call__",
        "eval",
        "train",
        "_call_impl",
        "_wrapped_call_impl",
        "__getattr__",
        "__getattribute__",
    )
)
_REPLACED = frozenset(
    ("forward", "eval", "train", "__call__", "__class__", "_forward_hooks", "__dict__")
)


@rule("evaluation-mode", Weight.BLOCK)
def evaluation_mode(edit: Edit) -> Iterable[RuleHit]:
    """Behaviour that newly depends on `training`, on whether gradients are on, on the caller, or on
    whether `forward` is given targets: the model could behave differently in the evaluation. What
    only training adds, and what the base does as well, is not meant.
    """

    for node in (*edit.added(_by_mode), *edit.added(_reads_gradients)):
        if not _is_harmless(edit, node):
            yield (
                lines_of(node),
                "The model may behave differently in the evaluation than in training.",
            )


@rule("training-only", Weight.NOTE)
def training_only(edit: Edit) -> Iterable[RuleHit]:
    """Code that newly runs in training alone, such as an auxiliary loss or the checkpointing of
    activations: the evaluation does what it did before.
    """
    added = [node for node in edit.added(_by_mode) if _is_harmless(edit, node)]
    if added:
        yield where(added), "The edit adds code that runs in training only."


def _by_mode(source: ParsedSource) -> Iterator[Fact]:
    """Yield what behaves by the mode of the model or by its caller."""
    for node in source.nodes_of(ast.Attribute, ast.Name, ast.If, ast.IfExp, ast.While, ast.Call):
        match node:
            case ast.Attribute(attr="training", ctx=ast.Load()):
                if not _for_dropout(source, node):
                    yield "training", node
            case ast.Attribute(attr="training"):
                yield "training stored", node
            case ast.Name() | ast.Attribute():
                if _MODES.search(source.path(node) or source.code(node)):
                    yield source.path(node), node
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            yield from _branches(source, node)
        if (
            isinstance(node, ast.Call)
            and source.path(node.func) in ("getattr", "hasattr", "setattr")
            and len(node.args) > 1
            and literal(source, node.args[1]) == "training"
        ):
            yield "training", node


def _reads_gradients(source: ParsedSource) -> Iterator[Fact]:
    """Yield what a model reads of its tensors' gradients, outside of conditions of its classes."""
    for node in model_code(source):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in _GRADIENTS
            and isinstance(node.ctx, ast.Load)
        ):
            yield f"gradients {source.code(node)}", node


def _is_harmless(edit: Edit, node: ast.AST) -> bool:
    """Return whether what behaves by the mode leaves the evaluation as the base has it."""
    function = edit.candidate.function_of(node)
    if function is None:
        return False
    match node:
        case ast.Attribute(attr="training", ctx=ast.Load()) | ast.Attribute(attr="is_grad_enabled"):
            return is_training_only(edit, function)
        case ast.If(test=test) | ast.IfExp(test=test):
            read = {n.id for n in edit.candidate.within(test) if isinstance(n, ast.Name)}
            by_gradients = any(
                isinstance(n, ast.Attribute) and n.attr in _GRADIENTS
                for n in edit.candidate.within(test)
            )
            if by_gradients or not read & TARGETS or read & _REDUCTIONS:
                return False
            evaluated = _is_evaluated_by_loss(edit, function)
            return is_same_by_targets(edit, function, evaluated=evaluated)
    return False


def _is_evaluated_by_loss(edit: Edit, function: FunctionNode) -> bool:
    """Return whether the metric is computed from the loss that a function of a model returns.

    The caller chooses how it is reduced, or the file's own evaluation gives targets to a model.
    """
    if _REDUCTIONS & {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}:
        return True
    return _own_evaluation_gives_targets(edit)


def _own_evaluation_gives_targets(edit: Edit) -> bool:
    """Return whether the base's own evaluation calls a model with more than its input; cached."""

    def find() -> bool:
        return any(
            isinstance(n, ast.Call)
            and isinstance(n.func, ast.Name)
            and n.func.id in edit.base.models
            and len(n.args) + len(n.keywords) > 1
            for _, fact in metric_slice(edit, edit.base).facts
            for n in edit.base.within(fact)
        )

    # The slice depends on the harness too, and other sessions share the base.
    key = ("evaluated by loss", edit.context.metric, edit.context.harness)
    return edit.base.cached(key, find)


def _for_dropout(source: ParsedSource, node: ast.AST) -> bool:
    for parent in source.ancestors(node):
        if isinstance(parent, ast.keyword) and parent.arg in ("dropout_p", "training"):
            return True
        if isinstance(parent, ast.Call) and _DROPOUT.search(source.code(parent.func)):
            return True
        if isinstance(parent, ast.Assign):
            # rate = 0.1 if self.training else 0.0
            return "drop" in source.code(parent.targets[0]) and isinstance(parent.value, ast.IfExp)
        if isinstance(parent, ast.If):
            return all(_is_dropout(source, s) for s in parent.body) and not parent.orelse
        if isinstance(parent, ast.stmt):
            return False
    return False


def _is_dropout(source: ParsedSource, statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign(value=ast.Call(func=function)):
            return re.match(r"torch\.nn\.functional\.\w*dropout", source.path(function)) is not None
    return False


def _branches(source: ParsedSource, node: ast.If | ast.IfExp | ast.While) -> Iterator[Fact]:
    """Yield the node if it is in a model class and tests gradients, or targets in `forward`."""
    function = source.function_of(node)
    owner = source.class_of(node)
    if function is None or not source.is_module_class(owner):
        return
    if any(isinstance(n, ast.Attribute) and n.attr in _GRADIENTS for n in source.within(node.test)):
        yield f"gradients {source.code(node.test)}", node
    if function.name != "forward":
        return
    a = function.args
    with_default = {x.arg for x in (*a.posonlyargs, *a.args)[len(a.args) - len(a.defaults) :]}
    with_default |= {x.arg for x in a.kwonlyargs}
    names = {n.id for n in source.within(node.test) if isinstance(n, ast.Name)} & with_default
    # An optional cache or mask is allowed; an argument that only training passes is a finding.
    if names & (TARGETS | _REDUCTIONS):
        yield f"{owner.name if owner else ''}: {source.code(node.test)}", node


@rule("replaced-forward", Weight.BLOCK)
def replaced_forward(edit: Edit) -> Iterable[RuleHit]:
    """A model's `forward`, `eval`, `train` or `__call__` replaced on an object or overridden in its
    class, or a forward hook: what is evaluated is then not what was trained.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for b in source.bindings:
            owner, _, attr = b.name.rpartition(".")
            if owner and attr in _REPLACED:
                yield f"store {b.name}", b.node
        for node in source.nodes_of(ast.FunctionDef, ast.AsyncFunctionDef, ast.Attribute):
            if isinstance(node, FunctionNode) and node.name in _MODULE_METHODS:
                parent = source.parents.get(node)
                if isinstance(parent, ast.ClassDef) and source.is_module_class(parent):
                    yield f"{node.name}", node
            if isinstance(node, ast.Attribute) and re.match(
                r"register_(module_)?forward(_pre)?_hook", node.attr
            ):
                yield node.attr, node
            if isinstance(node, ast.Attribute) and source.path(node) == "types.MethodType":
                yield "MethodType", node

    for node in edit.added(facts):
        yield (
            lines_of(node),
            "The edit replaces a method that runs when the model is called or evaluated.",
        )


@rule("evaluated-loss", Weight.BLOCK)
def evaluated_loss(edit: Edit) -> Iterable[RuleHit]:
    """The loss a model returns with the caller's `reduction`, or to the file's own evaluation: the
    metric is computed from this value, so nothing may be added to it or subtracted from it, except
    in training.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        own = _own_evaluation_gives_targets(edit)
        for function in source.nodes_of(ast.FunctionDef, ast.AsyncFunctionDef):
            names = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}
            in_model = own and source.is_module_class(source.class_of(function))
            for call in source.within(function):
                if isinstance(call, ast.Call) and (
                    _passes_reduction(call, names)
                    or (in_model and _LOSS.match(source.path(call.func)))
                ):
                    statement = source.statement(call)
                    yield source.code(statement), statement
                    targets = _target_names(source, call) & names
                    yield from _uses(source, function, statement, call, targets)

    added, removed = edit.added(facts), edit.removed(facts)
    if not added and not removed:
        return
    evaluation = in_evaluation(edit)
    if not evaluation.added(facts) and not evaluation.removed(facts):
        return  # only training, or only the layout of the code, differs
    nodes, side = (added, "") if added else (removed, " (lines of the base)")
    yield (
        where(nodes),
        f"The edit changes the loss that the evaluation takes from the model{side}, so the "
        "metric could improve without better predictions.",
    )


def _passes_reduction(call: ast.Call, names: set[str]) -> bool:
    """Return whether a call hands on the caller's `reduction`."""
    return any(
        k.arg == "reduction" and isinstance(k.value, ast.Name) and k.value.id in names
        for k in call.keywords
    )


def _target_names(source: ParsedSource, call: ast.Call) -> set[str]:
    return {n.id for a in call.args[1:] for n in source.within(a) if isinstance(n, ast.Name)}


def _uses(
    source: ParsedSource,
    function: FunctionNode,
    assignment: ast.AST,
    call: ast.Call,
    targets: set[str],
) -> Iterator[Fact]:
    """Yield the uses of a loss and of its targets outside of the call that computes it.

    Args:
        source: The parsed text.
        function: The function that computes the loss.
        assignment: The statement that computes the loss.
        call: The call that computes it.
        targets: Names of the targets the loss is computed from.
    """
    losses = {
        n.id
        for t in getattr(assignment, "targets", [])
        for n in source.within(t)
        if isinstance(n, ast.Name)
    }
    for node in source.within(function):
        if isinstance(node, ast.Name) and node.id in losses and node is not assignment:
            statement = source.statement(node)
            if statement is not assignment:
                yield f"{source.code(node)} in {source.code(statement)}", node
        elif (
            isinstance(node, ast.Name)
            and node.id in targets
            and (isinstance(node.ctx, ast.Store) or not _in_loss(source, node))
        ):
            yield f"{node.id} in {source.code(source.statement(node))}"[:200], node


def _in_loss(source: ParsedSource, node: ast.AST) -> bool:
    for parent in source.ancestors(node):
        if isinstance(parent, ast.Call) and "cross_entropy" in source.code(parent.func):
            return True
        if isinstance(parent, ast.Compare):
            return True
        if isinstance(parent, ast.stmt):
            return False
    return False


RULES: tuple[Rule, ...] = (evaluation_mode, replaced_forward, evaluated_loss, training_only)
