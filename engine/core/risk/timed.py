"""Finds the code of a training file whose time counts, and the code that runs after it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from engine.core.risk.edit import Edit
from engine.core.risk.execution import execution
from engine.core.risk.measured import clock_slice, is_clock_read
from engine.core.risk.source import ParsedSource
from engine.core.risk.tree import FunctionNode

Loop = ast.For | ast.While


def timed_loops(edit: Edit, source: ParsedSource) -> list[Loop]:
    """Return the loops of a text in which time is counted towards the budget; cached."""

    def find() -> list[Loop]:
        loops: list[Loop] = []
        for _, node in clock_slice(edit, source).facts:
            own = [node] if isinstance(node, Loop) else []
            for parent in (*own, *source.ancestors(node)):
                if isinstance(parent, Loop) and parent not in loops:
                    loops.append(parent)
        return loops

    return source.cached(("timed loops", edit.context.harness), find)


def counted(edit: Edit, source: ParsedSource) -> set[int]:
    """Return the ids of the nodes in the timed loops whose time is counted; cached."""

    def find() -> set[int]:
        loops = timed_loops(edit, source)
        return {id(n) for loop in loops for n in _between_readings(source, loop)}

    return source.cached(("counted", edit.context.harness), find)


def _between_readings(source: ParsedSource, loop: Loop) -> Iterator[ast.AST]:
    """Yield the nodes from a loop's first clock reading to its second; all if there are not two."""
    at = [i for i, s in enumerate(loop.body) if _reads_directly(source, s)]
    first, last = (at[0], at[1]) if len(at) > 1 else (0, len(loop.body))
    for statement in loop.body[first : last + 1]:
        yield from source.within(statement)


def _reads_directly(source: ParsedSource, statement: ast.stmt) -> bool:
    return not hasattr(statement, "body") and is_clock_read(source, statement)


def uncounted(edit: Edit, source: ParsedSource) -> list[ast.AST]:
    """Return the nodes that run while no time is counted: around the timed loops; cached.

    Empty if the text has no timed loop.
    """

    def find() -> list[ast.AST]:
        inside = counted(edit, source)
        calls = execution(source)
        return calls.running(calls.nodes_of(None), inside) if inside else []

    return source.cached(("uncounted", edit.context.harness), find)


def after_training(edit: Edit, source: ParsedSource) -> list[ast.AST]:
    """Return the nodes that run once the last timed step is done: up to the end of the text.

    The branch that leaves the timed loop belongs to them.
    """

    def find() -> list[ast.AST]:
        found: list[ast.AST] = []
        inside = counted(edit, source)
        loops = timed_loops(edit, source)
        pending: list[ast.AST] = [*loops]
        for loop in loops:
            found += [n for n in _leaving(source, loop) if id(n) not in inside and n not in found]
        seen: set[ast.AST] = set()
        while pending:
            node = pending.pop()
            if node in seen:
                continue
            seen.add(node)
            found += _following(source, node)
            function = source.function_of(node)
            if function is not None:
                pending += [
                    c
                    for c in source.calls
                    if isinstance(c.func, ast.Name) and c.func.id == function.name
                ]
        calls = execution(source)
        return [*dict.fromkeys(calls.running(found, inside))]

    return source.cached(("after", edit.context.harness), find)


def _following(source: ParsedSource, node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of the statements that follow a node in the blocks around it.

    Only those of its own function, and none in a loop around it, whose next round would follow.
    """
    child = source.statement(node)
    while (parent := source.parents.get(child)) is not None:
        for field in ("body", "orelse", "finalbody"):
            block = getattr(parent, field, None)
            if isinstance(block, list) and child in block:
                for statement in block[block.index(child) + 1 :]:
                    if not isinstance(statement, FunctionNode | ast.ClassDef):
                        yield from source.within(statement)
        if isinstance(parent, FunctionNode):
            return
        child = parent


def _leaving(source: ParsedSource, loop: Loop) -> Iterator[ast.AST]:
    """Yield the nodes of a loop's branches that leave it."""
    for statement in loop.body:
        if isinstance(statement, ast.If) and any(
            isinstance(n, ast.Break | ast.Return) for n in source.within(statement)
        ):
            for inner in statement.body:
                yield from source.within(inner)
