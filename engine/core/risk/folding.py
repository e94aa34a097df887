"""What a text expression says, as far as it can be told without running it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.core.risk.source import ParsedSource

TEXT = "\0"
"""Stands for something unknown that may be any text."""
NUMBER = "\1"
"""Stands for something that its format makes a number."""
_LIMIT = 4000
_CASES = frozenset(("lower", "upper", "strip", "title", "swapcase", "casefold", "lstrip", "rstrip"))
_SAME = frozenset(("encode", "decode", "ljust", "rjust", "center", "expandtabs"))
TEXT_METHODS = _CASES | _SAME | {"format", "join", "replace"}
"""Methods whose result is followed."""
_NUMERIC_FORMAT = re.compile(r"[^a-zA-Z%]*[bdeEfFgGnoxX%]$|^[,_]$")
_PLACEHOLDER = re.compile(r"%%|%(?:\((\w+)\))?[-+ #0-9.*]*([a-zA-Z])")
_FIELD = re.compile(r"\{\{|\}\}|\{([^{}:!]*)(?:![rsa])?(?::([^{}]*))?\}")


def literal(source: ParsedSource, node: ast.AST) -> str:
    """The text of an expression that is known whole; else empty."""
    text = fold(source, node)
    return "" if TEXT in text or NUMBER in text else text


def fold(source: ParsedSource, node: ast.AST, depth: int = 0) -> str:
    """The text of an expression, with TEXT and NUMBER for what is not known."""
    if depth > 12:
        return TEXT

    def inner(child: ast.AST) -> str:
        return fold(source, child, depth + 1)

    match node:
        case ast.Constant(value=str(text)):
            return text[:_LIMIT]
        case ast.Constant(value=bytes(raw)):
            return raw[:_LIMIT].decode("latin-1")
        case ast.Constant(value=value):
            return str(value)[:_LIMIT] if isinstance(value, int | float) else TEXT
        case ast.JoinedStr(values=values):
            return "".join(inner(v) for v in values)[:_LIMIT]
        case ast.FormattedValue(value=value, format_spec=spec):
            if spec is not None and _NUMERIC_FORMAT.search(inner(spec)):
                return NUMBER
            return inner(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (inner(left) + inner(right))[:_LIMIT]
        case ast.BinOp(left=left, op=ast.Mult(), right=ast.Constant(value=int(n))):
            text = inner(left)
            return text if TEXT in text else (text * max(0, min(n, 200)))[:_LIMIT]
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            return _percent(inner(left), right, inner)
        case ast.Subscript(value=value, slice=ast.Slice(lower=None, upper=None, step=step)):
            text = inner(value)
            backwards = step is not None and ast.unparse(step) == "-1"
            return text[::-1] if backwards else text
        case ast.Call(func=ast.Name(id="str" | "repr" | "ascii"), args=[value]):
            return inner(value)
        case ast.Call(func=ast.Name(id="chr"), args=[ast.Constant(value=int(code))]):
            return chr(code) if 0 <= code < 0x110000 else TEXT
        case ast.Call(func=ast.Attribute(value=value, attr=method), args=args):
            return _method(value, method, node, inner) if args or method else TEXT
        case ast.Name(id=name):
            bound = source.by_name.get(name, []) if depth < 6 else []
            if len(bound) == 1 and isinstance(bound[0].node, ast.Assign | ast.NamedExpr):
                value_of = bound[0].value
                if value_of is not None and not isinstance(value_of, ast.Constant | ast.Name):
                    return inner(value_of) if _is_text(value_of) else TEXT
                return inner(value_of) if value_of is not None else TEXT
    return TEXT


def _is_text(node: ast.AST) -> bool:
    return any(
        isinstance(n, ast.Constant) and isinstance(n.value, str | bytes) for n in ast.walk(node)
    )


def _percent(text: str, right: ast.expr, inner: object) -> str:
    assert callable(inner)
    values = list(right.elts) if isinstance(right, ast.Tuple) else [right]

    def place(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        value = values.pop(0) if values and not match[1] else None
        if match[2] in "diouxXeEfFgG":
            return NUMBER
        return str(inner(value)) if value is not None else TEXT

    return _PLACEHOLDER.sub(place, text)[:_LIMIT]


def _method(value: ast.expr, method: str, call: ast.AST, inner: object) -> str:
    assert callable(inner) and isinstance(call, ast.Call)
    args = call.args
    match method:
        case "format":
            queue = list(args)
            named = {k.arg: k.value for k in call.keywords}

            def place(match: re.Match[str]) -> str:
                if match[0] in ("{{", "}}"):
                    return match[0][0]
                field = match[1]
                if field in named:
                    chosen: ast.expr | None = named[field]
                elif field.isdigit():
                    chosen = args[int(field)] if int(field) < len(args) else None
                else:
                    chosen = queue.pop(0) if queue else None
                if match[2] and _NUMERIC_FORMAT.search(match[2]):
                    return NUMBER
                return str(inner(chosen)) if chosen is not None else TEXT

            return _FIELD.sub(place, str(inner(value)))[:_LIMIT]
        case "join" if len(args) == 1:
            if isinstance(args[0], ast.List | ast.Tuple):
                return str(inner(value)).join(str(inner(a)) for a in args[0].elts)[:_LIMIT]
            return str(inner(args[0])) if isinstance(args[0], ast.Constant) else TEXT
        case _ if method in _CASES:
            text = str(inner(value))
            return text if TEXT in text else str(getattr(text, method)())
        case _ if method in _SAME:
            return str(inner(value))
        case "replace" if len(args) >= 2:
            text, old, new = str(inner(value)), str(inner(args[0])), str(inner(args[1]))
            return TEXT if TEXT in old + new or not old else text.replace(old, new)[:_LIMIT]
    return TEXT
