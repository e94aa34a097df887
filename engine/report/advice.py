"""Derives a report's next steps from its figures by fixed rules, without a language model."""

from __future__ import annotations

from collections.abc import Callable

from engine.core.analysis.noise import Trust
from engine.core.table.model import RowVerdict
from engine.report.figures import change, listed, many, number
from engine.report.model import NO_CATEGORY, Keep, NextStep, Point, ReportFacts

_FEWEST, _MOST = 3, 5
_PLATEAU = 6
"""Number of discards in a row at the end from which they are a plateau."""
_MANY_CRASHES = 0.2
"""Share of crashed experiments from which a step about crashes is recommended."""
_MORE_MEMORY = 1.25
"""Peak memory of the best, as a multiple of the baseline's, from which a step mentions it."""
AdviceRule = Callable[[ReportFacts], NextStep | None]


def advise(facts: ReportFacts) -> tuple[NextStep, ...]:
    """Return three to five recommended steps, most urgent first; () without experiments."""
    if not facts.points:
        return ()
    found = [step for rule in _RULES if (step := rule(facts)) is not None]
    if len(found) < _FEWEST:
        found += [step for rule in _ALWAYS if (step := rule(facts)) is not None]
    return tuple(found[:_MOST])


def _no_gain(facts: ReportFacts) -> NextStep | None:
    gained = facts.gain is not None and facts.gain > 0  # as in a table that marks no row as kept
    if facts.keeps or gained or facts.best is None or facts.counts.total < 3:
        return None
    return NextStep(
        "Nothing beat the baseline. First find out whether a run can show a difference at all: "
        "measure the baseline twice, then try one change that should help, such as more training "
        "time or a smaller batch."
    )


def _doubtful(facts: ReportFacts) -> NextStep | None:
    doubtful = [k for k in facts.keeps if k.trust is Trust.WITHIN and (k.gain or 0.0) > 0]
    if not doubtful:
        return None
    names = listed((f"#{k.point.number}" for k in doubtful), 6)
    return NextStep(
        f"Measure {names} again: the gain is below 2σ, and a change kept by luck only complicates "
        "the code.",
        _confirm(facts, doubtful[0].point),
    )


def _confirm_best(facts: ReportFacts) -> NextStep | None:
    if facts.noise is not None or not facts.keeps or facts.best is None:
        return None
    return NextStep(
        f"Run the best, #{facts.best.number}, and the baseline two or three more times. Nothing "
        "ran twice, so it is unknown how much of the gain is luck.",
        _confirm(facts, facts.best),
    )


def _confirm(facts: ReportFacts, point: Point) -> str:
    return f"autoresearch-tui confirm {point.number}" if facts.of_session else ""


def _crashes(facts: ReportFacts) -> NextStep | None:
    crashed = [p for p in facts.points if p.verdict is RowVerdict.CRASH]
    if len(crashed) < 3 or len(crashed) < _MANY_CRASHES * len(facts.points):
        return None
    kinds = [p.outcome for p in crashed if p.outcome]
    worst = max(set(kinds), key=lambda kind: (kinds.count(kind), kind)) if kinds else "crash"
    known = facts.of_session and worst == "out of memory"
    how = (
        "state the available memory in program.md"
        if known
        else "read the last lines of their logs, and state in program.md what to avoid"
    )
    return NextStep(
        f"{len(crashed)} of {len(facts.points)} crashed, mostly: {worst}. Each used up an "
        f"experiment; {how}."
    )


def _plateau(facts: ReportFacts) -> NextStep | None:
    if facts.plateau < _PLATEAU:
        return None
    recent = [p for p in facts.points[-facts.plateau :] if p.gain is not None and not p.again]
    near = max(recent, key=lambda p: p.gain or 0.0, default=None)
    miss = (
        f" The nearest miss, #{near.number} ({_short(near)}), is worth another variant."
        if near is not None
        else ""
    )
    return NextStep(
        f"The last {facts.plateau} brought no gain: small variations are exhausted. Ask for a "
        f"structural change.{miss}"
    )


def _continue(facts: ReportFacts) -> NextStep | None:
    trend = facts.trend
    if not trend.improving or trend.gain is None or facts.plateau >= _PLATEAU or not facts.keeps:
        return None
    moved = change(facts.direction, trend.gain, facts.places)
    return NextStep(
        f"Continue: the last third of the experiments still moved the best by {moved}.",
        "autoresearch-tui" if facts.of_session and not facts.running else "",
    )


def _categories(facts: ReportFacts) -> NextStep | None:
    tried = [c for c in facts.categories if c.name not in ("other", NO_CATEGORY)]
    if len(tried) < 2:
        return None
    best = max(tried, key=lambda c: c.gained)
    if best.gained <= 0:
        return None
    unsuccessful = [c for c in tried if c.tried >= 5 and not c.kept]
    rare = [c for c in tried if c.tried <= 2 and c is not best]
    more = ""
    if unsuccessful:
        worst = max(unsuccessful, key=lambda c: c.tried)
        more = f" {worst.name}: {many(worst.tried, 'try', 'tries')}, nothing kept; drop it for now."
    elif rare:
        more = f" Rarely tried: {listed((c.name for c in rare), 3)}."
    gained = change(facts.direction, best.gained, facts.places)
    return NextStep(
        f"Most gain came from {best.name} ({gained}, {best.kept} of {best.tried} kept).{more}"
    )


def _memory(facts: ReportFacts) -> NextStep | None:
    old, new = facts.baseline, facts.best
    if old is None or new is None or not old.memory_gb or not new.memory_gb:
        return None
    if new.memory_gb < _MORE_MEMORY * old.memory_gb:
        return None
    return NextStep(
        f"The best needs {new.memory_gb:.1f} GB where the baseline needed {old.memory_gb:.1f}. "
        "Check whether it still fits its target machine, and whether the baseline would gain as "
        "much with that memory."
    )


def _merge(facts: ReportFacts) -> NextStep | None:
    if not facts.keeps or facts.running:
        return None
    clear = [k for k in facts.keeps if k.trust.good and not k.seed]
    which = f"the {len(clear)} that can be trusted" if clear and facts.noise else "those you trust"
    if not facts.of_session:
        return NextStep(f"Read the diffs of the top improvements and take {which}; leave the rest.")
    return NextStep(
        f"Put {which} on a new branch.",
        f"autoresearch-tui merge{' --trusted' if clear and facts.noise else ''}",
    )


def _read_top(facts: ReportFacts) -> NextStep | None:
    top: tuple[Keep, ...] = facts.top
    if not top:
        return None
    first = top[0]
    return NextStep(
        f"Read #{first.point.number} ({_short(first.point)}): the largest single gain, "
        f"{change(facts.direction, first.gain, facts.places)}. Its idea may have further potential."
    )


def _longer(facts: ReportFacts) -> NextStep | None:
    if facts.best is None:
        return None
    return NextStep(
        "Before using the result for a long training, train the baseline and the best once for "
        "ten times as long: what helps in a short run often does not in a long one."
    )


def _unmeasured(facts: ReportFacts) -> NextStep | None:
    if facts.best is not None:
        return None
    if not facts.of_session and facts.counts.crash < facts.counts.total:
        return NextStep(
            f"No row has a number as its {facts.metric}. If another column holds the metric, name "
            "it with --metric."
        )
    return NextStep(
        "No value was measured. Run the code once by hand and check that it prints its metric at "
        "the end."
    )


def _more(facts: ReportFacts) -> NextStep | None:
    if facts.counts.total >= 20 or facts.best is None:
        return None
    value = number(facts.best.value, facts.places)
    return NextStep(
        f"Let it continue overnight: {many(facts.counts.total, 'experiment')} are few, and {value} "
        "is probably not the limit."
    )


def _short(point: Point) -> str:
    return point.text if len(point.text) <= 60 else f"{point.text[:59].rstrip()}…"


_RULES: tuple[AdviceRule, ...] = (
    _no_gain,
    _confirm_best,
    _doubtful,
    _crashes,
    _plateau,
    _categories,
    _continue,
    _memory,
    _merge,
)
_ALWAYS: tuple[AdviceRule, ...] = (_unmeasured, _read_top, _longer, _more)
