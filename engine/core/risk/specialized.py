"""Specializes code to one mode: the statements a function runs in training or in the evaluation.

Conditions on `training`, on whether gradients are on, and on whether targets are given are decided,
branches that never run are removed, and what is then constant is computed. So a term that only
training adds leaves no trace in the code specialized to the evaluation.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from dataclasses import dataclass

from engine.core.risk.edit import Edit
from engine.core.risk.source import ParsedSource
from engine.core.risk.tree import FunctionNode, parse

TARGETS = frozenset(("targets", "target", "labels", "y"))
"""Names of the parameter by which a model is given what it is to predict."""
_NEUTRAL_WHEN_ZERO = frozenset(("label_smoothing", "dropout_p"))
_MODES = ("training", "is_grad_enabled")
_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


@dataclass(frozen=True)
class Mode:
    """The mode that code is specialized to."""

    training: bool
    targets: bool | None = None
    """Whether targets are given; None: not decided."""


EVALUATION = Mode(training=False)
TRAINING = Mode(training=True)


def specialized(function: FunctionNode, mode: Mode) -> FunctionNode:
    """Return a function with only the code that it runs in a mode; the given one is changed."""
    specializer = _Specializer(mode)
    for _ in range(3):  # a constant name may decide a condition, and that make another constant
        function = specializer.visit(function)
        constants = _constants(function)
        if not constants:
            break
        function = _Substitute(constants).visit(function)
    return function


def statements(source: ParsedSource, function: FunctionNode, mode: Mode) -> Counter[str]:
    """Return the statements of a function specialized to a mode, with heads of blocks; cached."""
    return source.cached(("statements", function, mode), lambda: _statements(function, mode))


def _statements(function: FunctionNode, mode: Mode) -> Counter[str]:
    found: Counter[str] = Counter()
    for node in ast.walk(specialized(copy.deepcopy(function), mode)):
        if isinstance(node, ast.stmt) and not isinstance(node, FunctionNode | ast.ClassDef):
            head = copy.copy(node)
            for field in ("body", "orelse", "finalbody", "handlers"):
                if isinstance(getattr(head, field, None), list):
                    setattr(head, field, [ast.Pass()] if field == "body" else [])
            found[ast.unparse(ast.fix_missing_locations(head))] += 1
    return found


def evaluation_source(source: ParsedSource) -> ParsedSource:
    """Return a text with all of its functions specialized to the evaluation; cached."""

    def build() -> ParsedSource:
        tree = parse(source.text)
        for node in ast.walk(tree):
            for field in ("body", "orelse"):
                block = getattr(node, field, None)
                if isinstance(block, list):
                    setattr(
                        node,
                        field,
                        [
                            specialized(s, EVALUATION) if isinstance(s, FunctionNode) else s
                            for s in block
                        ],
                    )
        return ParsedSource(ast.unparse(ast.fix_missing_locations(tree)))

    return source.cached("evaluation source", build)


def in_evaluation(edit: Edit) -> Edit:
    """Return an edit with both texts specialized to the evaluation; its lines are other ones."""
    return Edit(evaluation_source(edit.base), evaluation_source(edit.candidate), edit.context)


def without_training(edit: Edit) -> Edit:
    """Return an edit specialized to the evaluation; itself where its candidate has no modes."""
    by_mode = any(n.attr in _MODES for n in edit.candidate.nodes_of(ast.Attribute))
    return in_evaluation(edit) if by_mode else edit


def is_training_only(edit: Edit, function: FunctionNode) -> bool:
    """Return whether all that an edited function does by its mode, it does in training alone.

    Its evaluation may contain nothing that training does not, except what the base evaluates, and
    nothing that the base evaluates may be left to training.
    """
    source, base = edit.candidate, _in_base(edit, function)
    evaluation = statements(source, function, EVALUATION)
    training = statements(source, function, TRAINING)
    before = statements(edit.base, base, EVALUATION) if base is not None else Counter[str]()
    only_evaluated, only_trained = evaluation - training, training - evaluation
    return only_evaluated <= before - training and not only_trained & before


def is_same_by_targets(edit: Edit, function: FunctionNode, *, evaluated: bool) -> bool:
    """Return whether an edited function does by its targets only what the base does by them.

    Args:
        edit: The edit.
        function: A function of the candidate.
        evaluated: Whether the evaluation gives targets; else more may be done with them.
    """
    base = _in_base(edit, function)
    if base is None:
        return False
    given, absent = Mode(training=False, targets=True), Mode(training=False, targets=False)
    with_ = statements(edit.candidate, function, given)
    without = statements(edit.candidate, function, absent)
    before_with = statements(edit.base, base, given)
    before_without = statements(edit.base, base, absent)
    if not without - with_ <= before_without - with_:
        return False
    if evaluated:
        return with_ - without <= before_with - without
    return not (with_ - without) & before_without


def _in_base(edit: Edit, function: FunctionNode) -> FunctionNode | None:
    """Return the base's function with the qualified name of one of the candidate; None if none."""
    name = edit.candidate.qualified(function)
    for node in edit.base.nodes_of(ast.FunctionDef, ast.AsyncFunctionDef):
        if node.name == function.name and edit.base.qualified(node) == name:
            found: FunctionNode = node
            return found
    return None


class _Specializer(ast.NodeTransformer):
    """Decides the conditions of a mode and simplifies what they leave."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if node.attr == "training" and isinstance(node.ctx, ast.Load):
            return ast.Constant(self._mode.training)
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node.func:
            case ast.Attribute(attr="is_grad_enabled") | ast.Name(id="is_grad_enabled"):
                return ast.Constant(self._mode.training)
        node.keywords = [
            k for k in node.keywords if not (k.arg in _NEUTRAL_WHEN_ZERO and _is_number(k.value, 0))
        ]
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        given = self._mode.targets
        match node:
            case ast.Compare(
                left=ast.Name(id=name), ops=[op], comparators=[ast.Constant(value=None)]
            ) if given is not None and name in TARGETS:
                return ast.Constant(given is isinstance(op, ast.IsNot | ast.NotEq))
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not) and isinstance(node.operand, ast.Constant):
            return ast.Constant(not node.operand.value)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        decisive = isinstance(node.op, ast.Or)
        kept: list[ast.expr] = []
        for value in node.values:
            if not isinstance(value, ast.Constant):
                kept.append(value)
            elif bool(value.value) is decisive:
                if not kept:
                    return value
                kept.append(value)
                break
        if not decisive and any(_is_false(v) for v in kept):
            return ast.Constant(False)
        if not kept:
            return ast.Constant(not decisive)
        return kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        left, right = node.left, node.right
        match node.op:
            case ast.Mult() if _is_number(left, 0) or _is_number(right, 0):
                return ast.Constant(0.0)
            case ast.Mult() if _is_number(left, 1):
                return right
            case ast.Mult() | ast.Div() if _is_number(right, 1):
                return left
            case ast.Add() if _is_number(left, 0):
                return right
            case ast.Add() | ast.Sub() if _is_number(right, 0):
                return left
        return node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        node.test = self.visit(node.test)
        if isinstance(node.test, ast.Constant):
            return self._block(node.body if node.test.value else node.orelse)
        node.body, node.orelse = self._block(node.body) or [ast.Pass()], self._block(node.orelse)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt | None:
        self.generic_visit(node)
        nothing = isinstance(node.op, ast.Add | ast.Sub) and _is_number(node.value, 0)
        return None if nothing else node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | None:
        self.generic_visit(node)
        same = len(node.targets) == 1 and ast.unparse(node.targets[0]) == ast.unparse(node.value)
        return None if same else node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field, old in ast.iter_fields(node):
            if isinstance(old, list) and old and isinstance(old[0], ast.stmt):
                empty: list[ast.stmt] = [ast.Pass()] if field == "body" else []
                setattr(node, field, self._block(old) or empty)
            elif isinstance(old, list):
                setattr(node, field, [self.visit(n) if isinstance(n, ast.AST) else n for n in old])
            elif isinstance(old, ast.AST):
                setattr(node, field, self.visit(old))
        return node

    def _block(self, block: list[ast.stmt]) -> list[ast.stmt]:
        """Return a block specialized, without what follows its end, its result returned at once."""
        found: list[ast.stmt] = []
        for statement in block:
            result = self.visit(statement)
            for new in result if isinstance(result, list) else [result]:
                if new is None or isinstance(new, ast.Pass):
                    continue
                match found[-1:], new:
                    case (
                        [ast.Assign(targets=[ast.Name(id=name)], value=value)],
                        ast.Return(value=ast.Name(id=returned)),
                    ) if name == returned:
                        found[-1] = ast.Return(value)
                    case _:
                        found.append(new)
                if isinstance(new, _LEAVES):
                    return found
        return found


def _constants(function: FunctionNode) -> dict[str, ast.Constant]:
    """Return the names that a function binds once, to a constant."""
    times: Counter[str] = Counter(a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg))
    found: dict[str, ast.Constant] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            times[node.id] += 1
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant() as value):
                found[name] = value
    return {name: value for name, value in found.items() if times[name] == 1}


class _Substitute(ast.NodeTransformer):
    """Replaces names that are constant by their values, and drops their assignments."""

    def __init__(self, constants: dict[str, ast.Constant]) -> None:
        self._constants = constants

    def visit_Name(self, node: ast.Name) -> ast.expr:
        known = self._constants.get(node.id) if isinstance(node.ctx, ast.Load) else None
        return known or node

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        self.generic_visit(node)
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if name in self._constants:
                return ast.Pass()
        return node


def _is_number(node: ast.AST, value: float) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and node.value == value
    )


def _is_false(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and not node.value
