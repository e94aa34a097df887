"""Arranges a report's facts in sections of plain text, for the summary and the page alike."""

from __future__ import annotations

from engine.core.enums import Direction
from engine.core.text import duration
from engine.report.blocks import Block, Grid, Items, ReportSection, Text
from engine.report.figures import change, listed, many, moment, money, number, percent
from engine.report.findings import (
    adopted_rows,
    failures,
    noise_text,
    top_improvements,
    trust_in_keeps,
)
from engine.report.model import UNNAMED, NextStep, ReportFacts

BY_A_MODEL = "Suggestions by a language model"
_ACTIONS_SHOWN = 60


def headline(facts: ReportFacts) -> str:
    """Return a report's title, the result on one line: `val_bpb 0.9979 → 0.9697 (−2.8 %)`."""
    if facts.baseline is None or facts.best is None:
        named = "" if facts.metric == UNNAMED else f"{facts.metric}: "
        return f"{named}nothing was measured" if named else "Nothing was measured"
    places = facts.places if facts.claim is None else facts.claim_digits
    old = number(facts.before, places)
    if facts.best.number == facts.baseline.number:
        return f"{facts.metric} {old}: nothing beat the baseline"
    sign = -1 if facts.direction is Direction.MIN else 1
    share = (
        f" ({percent(sign * facts.percent)}{_error(facts)})" if facts.percent is not None else ""
    )
    return f"{facts.metric} {old} → {number(facts.after, places)}{share}"


def _error(facts: ReportFacts) -> str:
    """Return the error of the claimed percentage, and what limits the claim."""
    if facts.claim is None:
        return ""
    error = facts.percent_error
    parts = [f" ± {percent(error).lstrip('+')}"] if error is not None else [""]
    return ", ".join([*parts, *filter(None, [facts.claim.note])])


def lead(facts: ReportFacts) -> str:
    """Return a sentence with the number of experiments, the time they took and the verdicts."""
    c = facts.counts
    took = facts.hours.total if facts.hours is not None else None
    if took is None and facts.started_at is not None and facts.ended_at is not None:
        took = (facts.ended_at - facts.started_at).total_seconds()
    text = many(c.total, "experiment" if facts.of_session else "row")
    text += f" in {duration(took)}" if took else ""
    parts = [f"{c.keep} kept", f"{c.discard} discarded", f"{c.crash} crashed"]
    parts += [f"{c.other} other"] if c.other else []
    again = sum(1 for p in facts.points if p.again)
    more = f" ({again} of them repeats)" if again else ""
    return f"{text}: {listed(parts)}{more}."


def sections(facts: ReportFacts) -> tuple[ReportSection, ...]:
    """Return all sections of a report that are not empty, most important first."""
    candidates = (
        ReportSection("At a glance", _glance(facts)),
        ReportSection("Next steps", _steps(facts)),
        ReportSection(BY_A_MODEL, _suggested(facts)),
        ReportSection("Top improvements", top_improvements(facts)),
        ReportSection("Which keeps to trust", trust_in_keeps(facts)),
        ReportSection("What did not work", failures(facts)),
        ReportSection("Before this session", adopted_rows(facts)),
        ReportSection("Noise", (Text(noise_text(facts)),)),
        ReportSection("Time", _time(facts)),
        ReportSection("Cost of language models", _cost(facts)),
        ReportSection("User decisions", _user_actions(facts)),
        ReportSection("Guard and sandbox", _texts(facts.guard)),
        ReportSection("What the numbers mean", tuple(map(Text, facts.meaning))),
        ReportSection("How the table was read", _texts(facts.reading)),
    )
    return tuple(section for section in candidates if section.blocks)


def _glance(facts: ReportFacts) -> tuple[Block, ...]:
    rows: list[tuple[str, str]] = []
    baseline, best = facts.baseline, facts.best
    if baseline is not None:
        rows.append(("baseline", f"{number(baseline.value, facts.places)} (#{baseline.number})"))
    if best is not None and baseline is not None and best.number != baseline.number:
        commit = f", commit {best.commit}" if best.commit else ""
        rows.append(("best", f"{number(best.value, facts.places)} (#{best.number}{commit})"))
        rows.append(("what it tried", best.text))
        rows.append(("change", change_text(facts)))
    decided = facts.counts.keep + facts.counts.discard + facts.counts.crash
    if decided:
        rows.append(
            (
                "kept",
                f"{facts.counts.keep} of {decided} ({100 * facts.counts.keep / decided:.0f} %)",
            )
        )
    if facts.started_at is not None:
        rows.append(("from", moment(facts.started_at)))
    if facts.ended_at is not None and facts.ended_at != facts.started_at:
        rows.append(("to", moment(facts.ended_at) + (", still running" if facts.running else "")))
    details = (*rows, *facts.details)
    return (Grid(("", ""), details),) if details else ()


def change_text(facts: ReportFacts) -> str:
    """Return the gain of the best over the baseline in metric units, percent and σ, as text."""
    parts = [change(facts.direction, facts.gain, facts.places)]
    if facts.percent is not None:
        sign = -1 if facts.direction is Direction.MIN else 1
        parts.append(percent(sign * facts.percent))
    if facts.claim is not None and facts.claim.error is not None:
        parts[0] += f" ± {number(facts.claim.error, facts.claim_digits)}"
    if facts.claim is not None and facts.claim.note:
        parts.append(facts.claim.note)
    elif facts.sigmas is None:
        parts.append("σ unknown")
    return ", ".join(parts)


def _steps(facts: ReportFacts) -> tuple[Block, ...]:
    if not facts.steps:
        return ()
    return (Items(facts.steps, numbered=True),)


def _suggested(facts: ReportFacts) -> tuple[Block, ...]:
    suggested = facts.suggested
    if suggested is None:
        return ()
    if not suggested.steps:
        return (Text(suggested.error),)
    price = suggested.dollars
    cost = "price unknown" if price is None else f"cost {money(price)}"
    return (
        Text(
            f"The answer of {suggested.model}, asked on {moment(suggested.at)} with the figures of "
            "this report: suggestions that were neither measured nor checked. "
            f"{number(suggested.tokens, 0)} tokens; {cost}."
        ),
        Items(tuple(map(NextStep, suggested.steps)), numbered=True),
    )


def closing(facts: ReportFacts) -> str:
    """Return the last sentence of a report, which says whether a language model wrote any of it."""
    if facts.suggested is None or not facts.suggested.steps:
        return "Written by autoresearch-tui, without a language model."
    return (
        f"Written by autoresearch-tui, except the section “{BY_A_MODEL}”, which is by "
        f"{facts.suggested.model}."
    )


def _time(facts: ReportFacts) -> tuple[Block, ...]:
    if facts.hours is None:
        return ()
    hours, total = facts.hours, facts.hours.total
    saved = f"{many(hours.stopped, 'run')} stopped early saved about {duration(hours.saved)}."
    return (
        *((Text(saved),) if hours.stopped else ()),
        Grid(
            ("use", "time", "share"),
            tuple(
                (name, duration(seconds), f"{100 * seconds / total:.0f} %")
                for name, seconds in hours.parts()
                if seconds > 0
            ),
            frozenset((1, 2)),
        ),
    )


def _cost(facts: ReportFacts) -> tuple[Block, ...]:
    cost = facts.cost
    if cost is None:
        return (Text("No language model was asked."),) if facts.of_session else ()
    rows = [("calls", many(cost.calls, "call")), ("tokens", number(cost.tokens, 0))]
    if cost.tokens_per_experiment is not None:
        rows.append(("tokens per experiment", number(cost.tokens_per_experiment, 0)))
    if cost.dollars is not None:
        rows.append(("spent", money(cost.dollars)))
        if cost.dollars_per_experiment is not None:
            rows.append(("per experiment", money(cost.dollars_per_experiment)))
        if cost.dollars_per_keep is not None:
            rows.append(("per kept gain", money(cost.dollars_per_keep)))
    if cost.unpriced:
        rows.append(("without a known price", many(cost.unpriced, "call")))
    return (Grid(("", ""), tuple(rows)),)


def _user_actions(facts: ReportFacts) -> tuple[Block, ...]:
    if not facts.of_session:
        return ()
    if not facts.user_actions:
        return (Text("None: all experiments ran as proposed and were judged by the keep rule."),)
    shown = facts.user_actions[-_ACTIONS_SHOWN:]
    blocks: list[Block] = []
    if len(shown) < len(facts.user_actions):
        blocks.append(Text(f"The last {len(shown)} of {len(facts.user_actions)}:"))
    blocks.append(Items(tuple(NextStep(f"{moment(action.at)}: {action.text}") for action in shown)))
    return tuple(blocks)


def _texts(lines: tuple[str, ...]) -> tuple[Block, ...]:
    return (Items(tuple(map(NextStep, lines))),) if lines else ()
