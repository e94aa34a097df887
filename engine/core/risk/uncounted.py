"""Risk rules about work that the clock does not count: training, and drawing of its data."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from engine.core.finding import Weight
from engine.core.risk.edit import Edit, Fact, where
from engine.core.risk.execution import model_code
from engine.core.risk.measured import clock_slice
from engine.core.risk.numbers import Numbers, UncomputableError
from engine.core.risk.rule import Rule, RuleHit, rule
from engine.core.risk.source import ParsedSource
from engine.core.risk.timed import counted, timed_loops, uncounted
from engine.core.risk.training import data_draws, functions_that_train, training_work

_FREE = frozenset(
    ("print", "int", "float", "min", "max", "len", "collect", "freeze", "disable", "item", "round")
)
_EARLY = range(11)
"""Steps that many training files do not count, because the model is compiled in them."""
_LATER = (11, 12, 13, 15, 20, 30, 50, 100, 1000)
_FIRST_SECONDS = 1e-3
_MORE = 1.3
"""Factor above which the first steps are found to work more than later ones."""


@rule("uncounted-work", Weight.BLOCK)
def uncounted_work(edit: Edit) -> Iterable[RuleHit]:
    """Training that the clock does not count: before or after the loop, in a constructor, a method
    or under another name, in the model's own `forward`, or in the loop between one reading and the
    next.
    """

    def find(source: ParsedSource) -> Iterator[Fact]:
        inside = counted(edit, source)
        if not inside:
            return
        yield from training_work(source, uncounted(edit, source))
        work = {source.code(c.func) for c in source.calls if id(c) in inside}
        for loop in timed_loops(edit, source):
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

    added = edit.added(lambda source: _cached(edit, source, find))
    if added:
        yield where(added), "The edit trains while the clock does not count."

    def in_model(source: ParsedSource) -> Iterator[Fact]:
        yield from training_work(source, model_code(source))

    added = edit.added(in_model)
    if added:
        yield (
            where(added),
            "The edit trains where the model is called, and so in the evaluation as well.",
        )


@rule("first-steps", Weight.BLOCK)
def first_steps(edit: Edit) -> Iterable[RuleHit]:
    """More training or data in the first, uncounted steps than in later ones: a longer
    accumulation, a further loop or branch that only they run.
    """

    def find(source: ParsedSource) -> Iterator[Fact]:
        inside = counted(edit, source)
        states = _states(edit, source)
        if not states:
            return
        names = functions_that_train(source)
        nodes = [n for n in source.nodes if id(n) in inside]
        work = {id(n) for _, n in (*training_work(source, nodes), *data_draws(source, nodes))}
        work |= {
            id(n) for n in nodes if getattr(n, "id", "") in names or getattr(n, "attr", "") in names
        }
        for node in source.nodes_of(ast.For, ast.While, ast.If):
            if id(node) in inside and any(id(n) in work for n in source.within(node)):
                size = node.iter if isinstance(node, ast.For) else node.test
                if _more_at_first(source, size, *states):
                    yield source.code(size), size

    added = edit.added(lambda source: _cached(edit, source, find))
    if added:
        yield (
            where(added),
            "The edit trains more in the first steps, which the clock does not count.",
        )


States = list[Mapping[str, object]]


def _states(edit: Edit, source: ParsedSource) -> tuple[States, States] | None:
    """Return the values of the loop's counters in its first steps, and in later ones.

    None if every step is counted.
    """
    steps: set[str] = set()
    counts: set[str] = set()
    seconds: set[str] = set()
    loops = timed_loops(edit, source)
    guarded = {
        source.code(node.target)
        for _, node in clock_slice(edit, source).facts
        if isinstance(node, ast.AugAssign) and isinstance(source.parents.get(node), ast.If)
    }
    if not guarded:
        return None
    for loop in loops:
        for node in source.within(loop):
            if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
                name = source.code(node.target)
                by_one = isinstance(node.value, ast.Constant)
                if isinstance(source.parents.get(node), ast.If):
                    (counts if by_one else seconds).add(name)
                elif by_one:
                    steps.add(name)
        if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name):
            steps.add(loop.target.id)

    def state(step: int) -> dict[str, object]:
        later = max(0, step - len(_EARLY) + 1)
        return (
            dict.fromkeys(steps, step)
            | dict.fromkeys(counts, later)
            | dict.fromkeys(seconds, _FIRST_SECONDS * later)
        )

    return [state(step) for step in _EARLY], [state(step) for step in _LATER]


def _more_at_first(source: ParsedSource, size: ast.expr, early: States, later: States) -> bool:
    """Return whether a loop's iterable or a condition is larger in the first steps than later."""
    try:
        first = max(_size(Numbers(source, state).compute(size)) for state in early)
        rest = max(_size(Numbers(source, state).compute(size)) for state in later)
    except UncomputableError:
        return False
    return first > _MORE * rest


def _size(value: Any) -> float:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, range | list | dict):
        return float(len(value))
    if isinstance(value, int | float):
        return float(bool(value))
    raise UncomputableError


@rule("uncounted-data", Weight.ASK)
def uncounted_data(edit: Edit) -> Iterable[RuleHit]:
    """Training data drawn while the clock does not count: what is computed from it was learned
    outside of the budget.
    """

    def find(source: ParsedSource) -> Iterator[Fact]:
        yield from data_draws(source, uncounted(edit, source))

    added = edit.added(lambda source: _cached(edit, source, find))
    if added:
        yield where(added), "The edit draws training data while the clock does not count."


def _cached(
    edit: Edit, source: ParsedSource, find: Callable[[ParsedSource], Iterable[Fact]]
) -> list[Fact]:
    """Return the facts of a text; they depend, besides the text, on the harness alone."""
    key = ("uncounted facts", find.__qualname__, edit.context.harness)
    return source.cached(key, lambda: [*find(source)])


RULES: tuple[Rule, ...] = (uncounted_work, first_steps, uncounted_data)
