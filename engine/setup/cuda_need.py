"""Tells whether a script needs CUDA, or uses it only where there is a GPU, from its source."""

from __future__ import annotations

import ast
import re
import warnings

_DEVICE = re.compile(r"cuda(?::\d*)?")
_TESTED = re.compile(r"cuda|is_available|device_count")


def needs_cuda(source: str) -> bool:
    """Return whether a script names the device `cuda` without a choice between it and another.

    A comparison, a branch that tests for CUDA, and a list of several devices are such choices.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.search(r"""["']cuda\b""", source) is not None
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and _DEVICE.fullmatch(node.value):
                return True
        elif not _is_choice(node):
            nodes += ast.iter_child_nodes(node)
    return False


def _is_choice(node: ast.AST) -> bool:
    if isinstance(node, ast.If | ast.IfExp):
        return _TESTED.search(ast.unparse(node.test)) is not None
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return len(node.elts) > 1
    return isinstance(node, ast.Compare)
