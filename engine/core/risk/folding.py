"""Computes the text of a string expression, as far as it is known without running the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from engine.core.risk.names import SourceNames

Fold = Callable[[ast.AST], str]

TEXT = "\0"
"""Placeholder in a folded text for an unknown part."""
NUMBER = "\1"
"""Placeholder in a folded text for an unknown value that is formatted as a number."""
_LIMIT = 4000
_CASES = frozenset(("lower", "upper", "strip", "title", "swapcase", "casefold", "lstrip", "rstrip"))
_SAME = frozenset(("encode", "decode", "ljust", "rjust", "center", "expandtabs"))
TEXT_METHODS = _CASES | _SAME | {"format", "join", "replace"}
"""Names of the `str` methods whose result is computed here."""
_NUMERIC_FORMAT = re.compile(r"[^a-zA-Z%]*[bdeEfFgGnoxX%]$|^[,_]$")
_PLACEHOLDER = re.compile(r"%%|%(?:\((\w+)\))?[-+ #0-9.*]*([a-zA-Z])")
_FIELD = re.compile(r"\{\{|\}\}|\{([^{}:!]*)(?:![rsa])?(?::([^{}]*))?\}")


def literal(source: SourceNames, node: ast.AST) -> str:
    """Return the text that an expression evaluates to; empty unless all of it is known."""
    text = fold(source, node)
    return "" if TEXT in text or NUMBER in text else text


def fold(source: SourceNames, node: ast.AST, depth: int = 0) -> str:
    """Return the text an expression evaluates to, with TEXT and NUMBER for unknown parts.

    Args:
        source: The parsed source that contains the expression.
        node: The expression.
        depth: Number of expressions and names followed so far; beyond 12 the result is TEXT.
    """
    if depth > 12:
        return TEXT

    def fold_part(child: ast.AST) -> str:
        return fold(source, child, depth + 1)

    match node:
        case ast.Constant(value=str(text)):
            return text[:_LIMIT]
        case ast.Constant(value=bytes(raw)):
            return raw[:_LIMIT].decode("latin-1")
        case ast.Constant(value=value):
            return str(value)[:_LIMIT] if isinstance(value, int | float) else TEXT
        case ast.JoinedStr(values=values):
            return "".join(fold_part(v) for v in values)[:_LIMIT]
        case ast.FormattedValue(value=value, format_spec=spec):
            if spec is not None and _NUMERIC_FORMAT.search(fold_part(spec)):
                return NUMBER
            return fold_part(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (fold_part(left) + fold_part(right))[:_LIMIT]
        case ast.BinOp(left=left, op=ast.Mult(), right=ast.Constant(value=int(n))):
            text = fold_part(left)
            return text if TEXT in text else (text * max(0, min(n, 200)))[:_LIMIT]
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            return _format_percent(fold_part(left), right, fold_part)
        case ast.Subscript(value=value, slice=ast.Slice(lower=None, upper=None, step=step)):
            text = fold_part(value)
            backwards = step is not None and ast.unparse(step) == "-1"
            return text[::-1] if backwards else text
        case ast.Call(func=ast.Name(id="str" | "repr" | "ascii"), args=[value]):
            return fold_part(value)
        case ast.Call(func=ast.Name(id="chr"), args=[ast.Constant(value=int(code))]):
            return chr(code) if 0 <= code < 0x110000 else TEXT
        case ast.Call(func=ast.Attribute(value=value, attr=method), args=args):
            return _method(value, method, node, fold_part) if args or method else TEXT
        case ast.Name(id=name):
            bound = source.by_name.get(name, []) if depth < 6 else []
            if len(bound) == 1 and isinstance(bound[0].node, ast.Assign | ast.NamedExpr):
                value_of = bound[0].value
                if value_of is not None and not isinstance(value_of, ast.Constant | ast.Name):
                    return fold_part(value_of) if _contains_text(value_of) else TEXT
                return fold_part(value_of) if value_of is not None else TEXT
    return TEXT


def _contains_text(node: ast.AST) -> bool:
    return any(
        isinstance(n, ast.Constant) and isinstance(n.value, str | bytes) for n in ast.walk(node)
    )


def _format_percent(text: str, right: ast.expr, fold_part: Fold) -> str:
    values = list(right.elts) if isinstance(right, ast.Tuple) else [right]

    def fill(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        value = values.pop(0) if values and not match[1] else None
        if match[2] in "diouxXeEfFgG":
            return NUMBER
        return fold_part(value) if value is not None else TEXT

    return _PLACEHOLDER.sub(fill, text)[:_LIMIT]


def _method(value: ast.expr, method: str, call: ast.Call, fold_part: Fold) -> str:
    args = call.args
    match method:
        case "format":
            queue = list(args)
            named = {k.arg: k.value for k in call.keywords}

            def fill(match: re.Match[str]) -> str:
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
                return fold_part(chosen) if chosen is not None else TEXT

            return _FIELD.sub(fill, fold_part(value))[:_LIMIT]
        case "join" if len(args) == 1:
            if isinstance(args[0], ast.List | ast.Tuple):
                return fold_part(value).join(fold_part(a) for a in args[0].elts)[:_LIMIT]
            return fold_part(args[0]) if isinstance(args[0], ast.Constant) else TEXT
        case _ if method in _CASES:
            text = fold_part(value)
            return text if TEXT in text else str(getattr(text, method)())
        case _ if method in _SAME:
            return fold_part(value)
        case "replace" if len(args) >= 2:
            text, old, new = fold_part(value), fold_part(args[0]), fold_part(args[1])
            return TEXT if TEXT in old + new or not old else text.replace(old, new)[:_LIMIT]
    return TEXT
