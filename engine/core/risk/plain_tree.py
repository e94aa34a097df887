"""A syntax tree without what is no code: docstrings and annotations."""

from __future__ import annotations

import ast
import warnings

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def parse(text: str) -> ast.Module:
    """Parse a text and take docstrings and annotations out.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: It does not parse.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text.removeprefix("\ufeff"))
    _strip(tree)
    return tree


def _strip(tree: ast.Module) -> None:
    """Take docstrings and annotations out."""
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode):
            node.returns = None
            for arg in ast.walk(node.args):
                if isinstance(arg, ast.arg):
                    arg.annotation = None
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list) and body:
                plain = [_plain(s) for s in body if not _is_text(s)]
                setattr(node, field, plain or [ast.copy_location(ast.Pass(), body[0])])


def _is_text(statement: ast.AST) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


def _plain(statement: ast.stmt) -> ast.stmt:
    if not isinstance(statement, ast.AnnAssign):
        return statement
    if statement.value is None:
        statement.annotation = ast.copy_location(ast.Name("_", ast.Load()), statement.annotation)
        return statement
    return ast.copy_location(ast.Assign([statement.target], statement.value), statement)
