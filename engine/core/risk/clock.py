"""Risk rules about the time budget: how it is counted, compared and read from the clock."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from engine.core.finding import Weight
from engine.core.risk.edit import Edit, Fact, lines_of, where
from engine.core.risk.guarded import differences
from engine.core.risk.measured import clock_slice, is_clock_read
from engine.core.risk.rule import Rule, RuleHit, change_hits, rule
from engine.core.risk.source import ParsedSource
from engine.core.risk.tree import FunctionNode

_FREE = frozenset(
    ("print", "int", "float", "min", "max", "len", "collect", "freeze", "disable", "item", "round")
)


@rule("time-budget", Weight.BLOCK)
def time_budget(edit: Edit) -> Iterable[RuleHit]:
    """The comparison with the time budget, or a statement that counts towards it, with the
    conditions around it (such as the excluded first steps): longer training is not an
    improvement.
    """
    before, after = clock_slice(edit, edit.base), clock_slice(edit, edit.candidate)
    what = "how training time is counted or compared with the budget, so the run may train longer."
    yield from change_hits(*differences(edit, before, after), what)


@rule("skipped-count", Weight.BLOCK)
def skipped_count(edit: Edit) -> Iterable[RuleHit]:
    """A new `continue` in the loop that counts the time: the step it ends early is not counted."""

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for loop in _timed_loops(edit, source):
            for node in source.within(loop):
                if isinstance(node, ast.Continue) and _loop_of(source, node) is loop:
                    yield "continue", node

    for node in edit.added(facts):
        yield lines_of(node), "The edit leaves a training step before its time is counted."


@rule("synchronization", Weight.BLOCK)
def synchronization(edit: Edit) -> Iterable[RuleHit]:
    """A synchronisation before a clock reading removed: work that is still queued on the GPU is
    then not counted.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for key, node in reads(source):
            previous = _previous(source, node)
            if previous is not None and _synchronizes(source, previous):
                yield key, node

    def reads(source: ParsedSource) -> Iterator[Fact]:
        for node in dict.fromkeys(source.statement(c) for c in source.calls):
            if not hasattr(node, "body") and is_clock_read(source, node):
                yield source.code(node), node

    unsynchronized = edit.removed(facts)
    removed = {edit.base.code(n) for n in edit.removed(reads)}
    for node in unsynchronized:
        if edit.base.code(node) not in removed:
            yield (
                lines_of(node),
                "The clock is no longer read right after a synchronisation (lines of the base), so "
                "work still queued on the GPU is not counted.",
            )


@rule("uncounted-work", Weight.BLOCK)
def uncounted_work(edit: Edit) -> Iterable[RuleHit]:
    """Training that the clock does not count: before or after the loop, or in the loop between one
    reading and the next.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        loops = _timed_loops(edit, source)
        if not loops:
            return
        inside = {id(n) for loop in loops for n in _between_readings(source, loop)}
        reached = _reached(source, inside)
        for call in source.calls:
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if (
                method not in ("backward", "step")
                and source.path(call.func) != "torch.autograd.grad"
            ):
                continue
            owner = source.function_of(call)
            is_method = owner is not None and isinstance(source.parents.get(owner), ast.ClassDef)
            if id(call) in inside or is_method or (owner is not None and owner.name in reached):
                continue
            yield source.code(call), call
        work = {source.code(c.func) for c in source.calls if id(c) in inside}
        for loop in loops:
            for node in source.within(loop):
                if isinstance(node, ast.Call) and id(node) not in inside:
                    name = source.code(node.func)
                    if (
                        name in work
                        and name.rpartition(".")[2] not in _FREE
                        and "time" not in name
                        and "sync" not in name
                    ):
                        yield f"work {name}", node

    added = edit.added(facts)
    if added:
        yield where(added), "The edit trains while the clock does not count."


def _loop_of(source: ParsedSource, node: ast.AST) -> ast.AST | None:
    return next((n for n in source.ancestors(node) if isinstance(n, ast.For | ast.While)), None)


def _timed_loops(edit: Edit, source: ParsedSource) -> list[ast.For | ast.While]:
    """Return the loops of a text in which time is counted towards the budget."""
    nodes = [n for _, n in clock_slice(edit, source).facts]
    loops: list[ast.For | ast.While] = []
    for node in nodes:
        for parent in source.ancestors(node):
            if isinstance(parent, ast.For | ast.While) and parent not in loops:
                loops.append(parent)
    return loops


def _between_readings(source: ParsedSource, loop: ast.For | ast.While) -> Iterator[ast.AST]:
    """Yield the nodes from a loop's first clock reading to its second; all if there are not two."""
    at = [i for i, s in enumerate(loop.body) if _reads_directly(source, s)]
    first, last = (at[0], at[1]) if len(at) > 1 else (0, len(loop.body))
    for statement in loop.body[first : last + 1]:
        yield from source.within(statement)


def _reads_directly(source: ParsedSource, statement: ast.stmt) -> bool:
    return not hasattr(statement, "body") and is_clock_read(source, statement)


def _reached(source: ParsedSource, inside: set[int]) -> set[str]:
    """Return the names of the text's functions that run within the counted time.

    Args:
        source: The parsed text.
        inside: Ids of the nodes whose time is counted.
    """
    calls_of: dict[str, set[str]] = {}
    for name, node in source.functions.items():
        calls_of[name] = {n.id for n in source.within(node) if isinstance(n, ast.Name)}
    found = {n.id for n in source.nodes_of(ast.Name) if id(n) in inside} & calls_of.keys()
    pending = list(found)
    while pending:
        new = (calls_of[pending.pop()] & calls_of.keys()) - found
        found |= new
        pending += new
    return found


def _previous(source: ParsedSource, statement: ast.AST) -> ast.stmt | None:
    parent = source.parents.get(statement)
    for field in ("body", "orelse", "finalbody"):
        body = getattr(parent, field, None)
        if isinstance(body, list) and statement in body:
            index = body.index(statement)
            return body[index - 1] if index else None
    return None


def _synchronizes(source: ParsedSource, statement: ast.stmt) -> bool:
    return not isinstance(statement, FunctionNode) and any(
        isinstance(n, ast.Attribute) and n.attr == "synchronize" for n in source.within(statement)
    )


RULES: tuple[Rule, ...] = (time_budget, skipped_count, synchronization, uncounted_work)
