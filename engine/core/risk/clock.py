"""Risk rules about the time budget: how it is counted, compared and read from the clock."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from engine.core.finding import Weight
from engine.core.risk.edit import Edit, Fact, lines_of
from engine.core.risk.guarded import differences
from engine.core.risk.measured import clock_slice, is_clock_read
from engine.core.risk.rule import Rule, RuleHit, change_hits, rule
from engine.core.risk.source import ParsedSource
from engine.core.risk.timed import timed_loops
from engine.core.risk.tree import FunctionNode


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
        for loop in timed_loops(edit, source):
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


def _loop_of(source: ParsedSource, node: ast.AST) -> ast.AST | None:
    return next((n for n in source.ancestors(node) if isinstance(n, ast.For | ast.While)), None)


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


RULES: tuple[Rule, ...] = (time_budget, skipped_count, synchronization)
