"""Prints figures about the code's structure: packages, imports between them, cycles, lines.

`python docs/measure_structure.py [CHECKOUT]` works on any checkout of this project, also an old
one; docs/figures.md has the results. TYPE_CHECKING imports count.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

ROOTS = ("engine", "tui")
LAYOUT = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)


def imports_of(path: Path, tree: ast.Module, modules: set[str]) -> set[str]:
    """Return the modules of the project that a file imports anywhere in it.

    Args:
        path: The file.
        tree: The file's syntax tree.
        modules: The dotted names of the project's modules.
    """
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & modules or {node.module}
    return found & modules


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the import cycles: components of mutually reachable nodes, two or more (Tarjan 1972).

    Args:
        graph: By node, the nodes that it imports.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    result: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = [stack.pop()]
            while component[-1] != node:
                component.append(stack.pop())
            if len(component) > 1:
                result.append(component)

    sys.setrecursionlimit(10_000)
    for node in graph:
        if node not in index:
            visit(node)
    return result


def code_lines(text: str, tree: ast.Module) -> int:
    """Return a file's number of lines without blank lines, comments and docstrings."""
    docs: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docs |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docs)


def statements(tree: ast.Module) -> int:
    """Return a file's number of statements, which does not depend on how lines are wrapped.

    Imports and docstrings are not counted.
    """
    skipped = (ast.Import, ast.ImportFrom)
    return sum(
        isinstance(node, ast.stmt)
        and not isinstance(node, skipped)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in ast.walk(tree)
    )


def unit(module: str) -> str:
    """Return the part of engine or tui that a module belongs to: `engine.core`, or a loose file."""
    return ".".join(module.split(".")[:2])


def main() -> None:
    """Print the figures of a checkout, this one or the one named on the command line."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    paths = [path for name in ROOTS for path in sorted((root / name).rglob("*.py"))]
    names = {path: ".".join(path.relative_to(root).with_suffix("").parts) for path in paths}
    names = {path: name.removesuffix(".__init__") for path, name in names.items()}
    modules, graph = set(names.values()), dict[str, set[str]]()
    lines = count = 0
    for path, name in names.items():
        text = path.read_text("utf-8")
        tree = ast.parse(text)
        graph[name] = imports_of(path, tree, modules) - {name}
        lines, count = lines + code_lines(text, tree), count + statements(tree)
    units: dict[str, set[str]] = {}
    for name, others in graph.items():
        targets = {unit(other) for other in others} - {unit(name), "engine", "tui"}
        units.setdefault(unit(name), set()).update(targets)
    units = {name: others for name, others in units.items() if name not in ROOTS}
    for top in ROOTS:
        inside = {n: {o for o in others if o.startswith(top)} for n, others in units.items()}
        inside = {n: others for n, others in inside.items() if n.startswith(top)}
        arrows = sum(len(others) for others in inside.values())
        found = len(cycles(inside))
        print(f"{top}: {len(inside)} packages and loose files, {arrows} imports, {found} cycles")
    found_files = cycles(graph)
    sizes = ", ".join(str(len(cycle)) for cycle in found_files) or "none"
    print(f"files: {len(graph)}; import cycles of files: {len(found_files)} (sizes: {sizes})")
    print(f"code lines: {lines:,}; statements: {count:,}")


if __name__ == "__main__":
    main()
