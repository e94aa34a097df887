"""Computes numeric expressions of a source text for assumed values of some of its names."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from engine.core.risk.source import ParsedSource
from engine.core.risk.tree import FunctionNode

UNKNOWN = 64
"""The number assumed for a name whose value the text does not tell."""
_LARGEST = 10**12
_LONGEST = 4000
_DEPTH = 12
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "int": int,
    "float": float,
    "round": round,
    "abs": abs,
    "bool": bool,
    "len": len,
    "range": range,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.sqrt": math.sqrt,
    "math.exp": math.exp,
    "math.log": math.log,
    "math.cos": math.cos,
}


class UncomputableError(Exception):
    """The value of an expression cannot be computed."""


class _ReturnedError(Exception):
    def __init__(self, value: object) -> None:
        self.value = value


class Numbers:
    """Computes expressions of a text.

    Args:
        source: The parsed text.
        assumed: The values of some names and attributes, by their code: `{"run.steps": 3}`.
    """

    def __init__(self, source: ParsedSource, assumed: Mapping[str, object]) -> None:
        self._source = source
        self._assumed = assumed

    def compute(self, node: ast.AST) -> Any:
        """Return the value of an expression.

        Raises:
            UncomputableError: The expression contains something else than plain arithmetic.
        """
        try:
            return self._value(node, {}, 0)
        except UncomputableError:
            raise
        except Exception as error:
            raise UncomputableError from error

    def _value(self, node: ast.AST, local: dict[str, Any], depth: int) -> Any:
        if depth > _DEPTH:
            raise UncomputableError

        def value(child: ast.AST) -> Any:
            return self._value(child, local, depth + 1)

        match node:
            case ast.Constant(value=constant):
                return constant
            case ast.Name(id=name) if name in local:
                return local[name]
            case ast.Name() | ast.Attribute():
                return self._named(node, depth)
            case ast.BinOp(left=left, op=op, right=right):
                return self._limited(_BINARY[type(op)], value(left), value(right))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not value(operand)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -value(operand)
            case ast.BoolOp(op=op, values=values):
                join = all if isinstance(op, ast.And) else any
                return join(value(v) for v in values)
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                found = [value(n) for n in (left, *comparators)]
                pairs = zip(found, ops, found[1:], strict=False)
                return all(_COMPARE[type(op)](a, b) for a, op, b in pairs)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return value(body) if value(test) else value(orelse)
            case ast.List(elts=elts) | ast.Tuple(elts=elts):
                return [value(e) for e in elts]
            case ast.Dict(keys=keys, values=values) if None not in keys:
                pairs_ = zip(keys, values, strict=True)
                return {value(k): value(v) for k, v in pairs_ if k is not None}
            case ast.Subscript(value=owner, slice=key):
                return value(owner)[value(key)]
            case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=args):
                return value(owner).get(*map(value, args))
            case ast.Call(func=function, args=args, keywords=[]):
                return self._call(function, [value(a) for a in args], depth)
        raise UncomputableError

    def _limited(self, function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
        """Return an operation's result, for numbers and lists that stay small."""
        if function is operator.pow and not (abs(left) < 1000 and abs(right) < 64):
            raise UncomputableError
        if not isinstance(left, int | float | list) or not isinstance(right, int | float | list):
            raise UncomputableError
        if function is operator.mul and isinstance(left, list) and isinstance(right, int):
            return left * min(right, _LONGEST // max(1, len(left)))
        result = function(left, right)
        if isinstance(result, int | float) and abs(result) > _LARGEST:
            raise UncomputableError
        return result

    def _named(self, node: ast.Name | ast.Attribute, depth: int) -> Any:
        code = self._source.code(node)
        if code in self._assumed:
            return self._assumed[code]
        if isinstance(node, ast.Name):
            bound = self._source.bindings_of(code, self._source.scope(node))
            value = bound[0].value if len(bound) == 1 else None
            if value is not None and isinstance(bound[0].node, ast.Assign | ast.NamedExpr):
                try:
                    return self._value(value, {}, depth + 1)
                except Exception:  # a value from elsewhere, such as the harness
                    return UNKNOWN
        return UNKNOWN

    def _call(self, function: ast.expr, args: list[Any], depth: int) -> Any:
        name = self._source.path(function)
        if name in _FUNCTIONS:
            if name != "len" and any(isinstance(a, range) for a in args):
                raise UncomputableError
            return _FUNCTIONS[name](*args)
        own = self._source.functions.get(name)
        if own is None or len(args) > len(own.args.args):
            raise UncomputableError
        local = dict(zip((a.arg for a in own.args.args), args, strict=False))
        try:
            self._run(own, own.body, local, depth)
        except _ReturnedError as returned:
            return returned.value
        raise UncomputableError

    def _run(
        self, own: FunctionNode, body: list[ast.stmt], local: dict[str, Any], depth: int
    ) -> None:
        for statement in body:
            match statement:
                case ast.Return(value=ast.expr() as result):
                    raise _ReturnedError(self._value(result, local, depth + 1))
                case ast.If(test=test, body=yes, orelse=no):
                    branch = yes if self._value(test, local, depth + 1) else no
                    self._run(own, branch, local, depth)
                case ast.Assign(targets=[ast.Name(id=name)], value=assigned):
                    local[name] = self._value(assigned, local, depth + 1)
                case _:
                    raise UncomputableError
