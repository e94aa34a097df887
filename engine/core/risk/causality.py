"""The risk rule about causality: a model that sees later tokens predicts what it was given."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from engine.core.finding import Weight
from engine.core.risk.edit import Edit, Fact, where
from engine.core.risk.execution import model_code
from engine.core.risk.rule import Rule, RuleHit, rule
from engine.core.risk.source import ParsedSource
from engine.core.risk.specialized import without_training

_ATTENTION = re.compile(
    r"(^|\.)(scaled_dot_product_attention|flash|flash_attn\w*|flash_attention\w*|flex_attention"
    r"|memory_efficient_attention|sageattn\w*)$"
)
_MASKS = frozenset(
    ("is_causal", "causal", "attn_mask", "mask", "block_mask", "attn_bias", "score_mod", "bias")
)
_SWITCHES = frozenset(("is_causal", "causal"))
_REDUCERS = re.compile(r"^(mean|sum|amax|max|logsumexp|var|std|softmax)$")
_MASK_TEXT = re.compile(r"mask|causal|tril|distance", re.I)


@rule("causality", Weight.ASK)
def causality(edit: Edit) -> Iterable[RuleHit]:
    """A model that may newly see later tokens: attention that is not causal, a window or mask that
    reaches ahead, a shift or roll to the left, a flip, a mean or a centred convolution over the
    sequence. Within the evaluation it would know what it predicts.
    """
    for facts in (_attention, _windows, _masks, _mixing):
        added = edit.added(facts)
        if added and without_training(edit).added(facts):
            yield where(added), "The edit may let the model see later tokens."
    removed = edit.removed(_mask_parts)
    if removed and not edit.added(_causal_calls):
        yield where(removed), "The edit removes a part of the causal mask (lines of the base)."


def _number(node: ast.AST | None) -> float | None:
    """Return the value of a number with its sign; None for any other expression."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
    return None


def _constant(source: ParsedSource, node: ast.AST) -> ast.AST:
    """Return the constant that a name is bound to, where it is bound once; else the expression."""
    if isinstance(node, ast.Name):
        bound = source.bindings_of(node.id, source.scope(node))
        if len(bound) == 1 and isinstance(bound[0].value, ast.Constant):
            return bound[0].value
    return node


def _is_off(source: ParsedSource, node: ast.AST) -> bool:
    value = _constant(source, node)
    return isinstance(value, ast.Constant) and not value.value


def _attention(source: ParsedSource) -> Iterator[Fact]:
    """Yield the calls of attention that nothing makes causal."""
    for call in source.calls:
        given = {k.arg: k.value for k in call.keywords}
        name = source.path(call.func) or source.code(call.func)
        for switch in _SWITCHES & given.keys():
            if _is_off(source, given[switch]):
                yield f"{switch} off", call
        own = name.rpartition(".")[2] in source.functions
        if _ATTENTION.search(name) and len(call.args) + len(given) >= 3 and not own:
            masks = [v for k, v in given.items() if k is None or k in _MASKS] + call.args[3:]
            sure = "is_causal" in given or not any(_may_be_none(source, m) for m in masks)
            if not sure or all(_is_off(source, m) for m in masks):
                yield "attention without a mask", call


def _may_be_none(source: ParsedSource, mask: ast.AST) -> bool:
    """Return whether a mask is a name that is bound to None in some cases."""
    if not isinstance(mask, ast.Name):
        return False
    bound = source.bindings_of(mask.id, source.scope(mask))
    return any(
        b.value is not None
        and any(isinstance(n, ast.Constant) and n.value is None for n in source.within(b.value))
        for b in bound
    )


def _causal_calls(source: ParsedSource) -> Iterator[Fact]:
    """Yield the calls of attention that a switch makes causal."""
    for call in source.calls:
        for k in call.keywords:
            if k.arg in _SWITCHES | {"block_mask"} and not _is_off(source, k.value):
                yield f"{k.arg}", call


def _windows(source: ParsedSource) -> Iterator[Fact]:
    """Yield the windows of attention that reach ahead: `(left, right)` with a right side."""
    for pair in source.nodes_of(ast.Tuple, ast.List):
        match pair:
            case (
                ast.Tuple(elts=[left, right], ctx=ast.Load())
                | ast.List(elts=[left, right], ctx=ast.Load())
            ):
                text = source.code(source.statement(pair)) + source.qualified(source.scope(pair))
                if "window" not in text.lower() or _is_shape(source, pair):
                    continue
                number = _number(right)
                sizes = number is not None and number > 1 and _number(left) is not None
                by_name = number is None and "window" in source.code(right).lower()
                if by_name or (number is not None and number != 0 and not sizes):
                    yield f"window {source.code(pair)}", pair


def _is_shape(source: ParsedSource, pair: ast.AST) -> bool:
    """Return whether a pair is given to a call that does not call it a window: a shape, maybe."""
    parent = source.parents.get(pair)
    if isinstance(parent, ast.keyword):
        return "window" not in (parent.arg or "").lower()
    return isinstance(parent, ast.Call | ast.Subscript | ast.Compare | ast.For)


def _masks(source: ParsedSource) -> Iterator[Fact]:
    """Yield triangles and comparisons that let a mask reach ahead of a position."""
    for call in source.calls:
        name = source.path(call.func).rpartition(".")[2] or getattr(call.func, "attr", "")
        if name not in ("tril", "triu"):
            continue
        of_torch = isinstance(call.func, ast.Name) or source.path(call.func).startswith("torch.")
        given = [k.value for k in call.keywords if k.arg == "diagonal"]
        given += call.args[1:2] if of_torch else call.args[:1]
        diagonal = _number(given[0]) if given else 0
        if diagonal is None or (name == "tril" and diagonal > 0):
            yield f"{name} ahead", call
        elif name == "triu" and diagonal != 1:
            yield f"{name} {diagonal}", call
    for compare in source.nodes_of(ast.Compare):
        if _MASK_TEXT.search(source.code(source.statement(compare))):
            for value in compare.comparators:
                number = _number(value)
                if number is not None and number < 0:
                    yield f"compared {source.code(compare)}", compare


def _mask_parts(source: ParsedSource) -> Iterator[Fact]:
    """Yield what makes a mask causal: triangles, fillings, and comparisons of positions."""
    for call in source.calls:
        name = source.path(call.func).rpartition(".")[2] or getattr(call.func, "attr", "")
        if name in ("tril", "triu", "masked_fill", "masked_fill_"):
            yield name, call
    for compare in source.nodes_of(ast.Compare):
        match compare:
            case ast.Compare(ops=[ast.GtE() | ast.Gt() | ast.LtE() | ast.Lt()], comparators=[end]):
                statement = source.code(source.statement(compare))
                if _number(end) == 0 and _MASK_TEXT.search(statement):
                    yield f"compared {source.code(compare)}", compare


def _mixing(source: ParsedSource) -> Iterator[Fact]:
    """Yield what mixes positions of a sequence backwards where a model is called or built."""
    for node in model_code(source):
        match node:
            case ast.Call():
                yield from _moves(source, node)
            case ast.Subscript(
                slice=ast.Tuple(
                    elts=[ast.Slice(lower=None, upper=None), ast.Slice(lower=first, upper=None), *_]
                )
            ) if (_number(first) or 0) > 0 and not _is_of_targets(source, node):
                yield f"shift {source.code(node)}", node
    for call in source.calls:
        yield from _layers(source, call)


def _moves(source: ParsedSource, call: ast.Call) -> Iterator[Fact]:
    """Yield a call if it moves or pools positions so that earlier ones hold later ones."""
    name = source.path(call.func).rpartition(".")[2] or getattr(call.func, "attr", "")
    of_torch = source.path(call.func).startswith("torch.")
    args = call.args[1:] if of_torch else call.args
    given = {k.arg: k.value for k in call.keywords}
    code = f"{name} {source.code(call)[:200]}"
    if name == "roll":
        shifts = given.get("shifts", args[0] if args else None)
        each = shifts.elts if isinstance(shifts, ast.Tuple | ast.List) else [shifts]
        if any((_number(s) or 0) < 0 for s in each):
            yield code, call
    elif name in ("flip", "fliplr"):
        yield code, call
    elif name == "pad":
        widths = given.get("pad", args[0] if args else None)
        left = widths.elts[::2] if isinstance(widths, ast.Tuple | ast.List) else []
        if any((_number(w) or 0) < 0 for w in left):
            yield code, call
    elif _REDUCERS.match(name):
        dim = given.get("dim", args[0] if args else None)
        kept = given.get("keepdim", args[1] if len(args) > 1 else None)
        if _number(dim) == 1 and isinstance(kept, ast.Constant) and kept.value is True:
            yield code, call


def _layers(source: ParsedSource, call: ast.Call) -> Iterator[Fact]:
    """Yield a layer that mixes a position with later ones."""
    name = source.path(call.func).rpartition(".")[2]
    given = {k.arg: k.value for k in call.keywords}
    two_ways = given.get("bidirectional")
    if isinstance(two_ways, ast.Constant) and two_ways.value is True:
        yield "bidirectional", call
    if name.lower() == "conv1d":
        padding = given.get("padding")
        size = given.get("kernel_size", call.args[2] if len(call.args) > 2 else None)
        wide, padded = _number(size), _number(padding)
        centred = wide is not None and padded is not None and padded > 0 and padded == wide // 2
        halved = padding is not None and "// 2" in source.code(padding)
        same = isinstance(padding, ast.Constant) and padding.value == "same"
        if (centred and wide != 2) or halved or same:
            yield f"convolution {source.code(call)}", call


def _is_of_targets(source: ParsedSource, node: ast.Subscript) -> bool:
    """Return whether a shifted value is what is to be predicted."""
    return bool(re.search(r"target|label|\by\b", source.code(node.value))) or any(
        isinstance(parent, ast.Call) and re.search(r"cross_entropy|loss", source.code(parent.func))
        for parent in source.ancestors(node)
    )


RULES: tuple[Rule, ...] = (causality,)
