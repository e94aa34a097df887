"""Evaluates the literals of knobs, and finds their positions in a source text."""

from __future__ import annotations

import ast
import io
import operator
import re
import warnings
from collections.abc import Callable

from engine.core.errors import AutoresearchError

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...]


class KnobError(AutoresearchError):
    """Raised for a source text that does not parse, an unknown knob, or an invalid literal."""


def parse(source: str) -> ast.Module:
    """Parse a Python source text into its syntax tree, without warnings.

    Raises:
        KnobError: The text is not valid Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise KnobError(
            "The file is not valid Python.", f"{error}.", "Correct the file first."
        ) from None


_COMMENT = re.compile(r"[ \t)]*#[ \t]*([^\r\n]*)")


class SourcePositions:
    """Converts the lines and UTF-8 columns of a syntax tree to character positions in its text."""

    def __init__(self, text: str) -> None:
        self.text = text
        # Lines as the parser counts them: a form feed or U+2028 does not end one.
        self._lines = io.StringIO(text.removeprefix("\ufeff"), newline="").readlines()
        self._starts = [len(text) - sum(map(len, self._lines))]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def _position(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def span(self, node: ast.expr) -> tuple[int, int]:
        """Return the positions in the text, in characters, where a node starts and ends."""
        end = self._position(node.end_lineno or node.lineno, node.end_col_offset or 0)
        return self._position(node.lineno, node.col_offset), end

    def comment_after(self, position: int) -> str:
        """Return the comment right after a position, without `#`; empty if there is none."""
        match = _COMMENT.match(self.text, position)
        return match[1].rstrip() if match else ""


def _shift(a: float, b: float) -> object:
    return a << b if isinstance(a, int) and isinstance(b, int) and 0 <= b <= 64 else None


_OPERATORS: dict[type[ast.operator], Callable[[float, float], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: lambda a, b: a**b if abs(b) <= 64 and abs(a) <= 10**6 else None,
    ast.LShift: _shift,
}


def elements(node: ast.expr) -> list[ast.expr]:
    """Return the elements of a tuple's node, or `[node]` for any other expression."""
    return node.elts if isinstance(node, ast.Tuple) else [node]


def evaluate(node: ast.expr) -> Value | None:
    """Return the value of a literal, of constant arithmetic or of a tuple of them, else None."""
    values = [value for child in elements(node) if (value := _scalar(child)) is not None]
    if not values or len(values) < len(elements(node)):
        return None
    return tuple(values) if isinstance(node, ast.Tuple) else values[0]


def _scalar(node: ast.expr) -> Scalar | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        return node.value
    return _number(node, 0)


def _number(node: ast.expr, depth: int) -> int | float | None:
    result: object = None
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand) if depth < 12:
            inner = _number(operand, depth + 1)
            result = -inner if inner is not None and isinstance(sign, ast.USub) else inner
        case ast.BinOp(left=left, op=op, right=right) if depth < 12 and type(op) in _OPERATORS:
            a, b = _number(left, depth + 1), _number(right, depth + 1)
            if a is None or b is None:
                return None
            try:
                result = _OPERATORS[type(op)](a, b)
            except (ArithmeticError, ValueError):
                return None
    # A fractional power of a negative number is complex; huge results are not knobs.
    return result if isinstance(result, int | float) and abs(result) < 1e30 else None
