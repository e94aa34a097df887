"""Formats the knob search's evidence and next choice as text, for the user to read beforehand."""

from __future__ import annotations

from engine.agents.base import Briefing
from engine.agents.search_options import SearchChoice
from engine.agents.search_record import Record
from engine.agents.search_space import SearchAxis
from engine.agents.search_text import hypothesis, trial_text

_TRIALS = 8
"""The most trials listed for each knob."""


def preview_text(
    briefing: Briefing, record: Record, choice: SearchChoice | None, leaders: list[str], policy: str
) -> str:
    """Return a text with the next choice, the leading knobs and the last trials of every knob.

    Args:
        briefing: The briefing of the next proposal.
        record: The trials so far.
        choice: The move the search would propose; None if all have been tried.
        leaders: Lines on the most promising knobs.
        policy: The name of the search policy.
    """
    metric = briefing.config.metric
    lines = [
        f"No language model is asked: this search ({policy}) goes by the numbers below and reads "
        "no words. program.md, notes and the memory of earlier sessions do not reach it. Of a ban "
        "it takes the names of knobs, of a veto the knobs with their values.",
        "",
        *_exclusions(briefing),
        f"# For experiment {briefing.number}",
        "",
        hypothesis(choice, record, policy)
        if choice is not None
        else "Nothing: every change this search knows has been tried on this frontier, or is of a "
        "knob in question.",
        "",
    ]
    if leaders:
        lines += ["# The most promising knobs", "", *leaders, ""]
    if record.spread is not None:
        usual = f"a usual difference that was not kept is {record.spread:.3g} {metric}"
        lines += [f"{len(record.trials)} experiments count; {usual}.", ""]
    lines += ["# The knobs", ""]
    for axis in record.space.axes.values():
        lines += _axis(axis, record)
    return "\n".join(lines).rstrip("\n") + "\n"


def _exclusions(briefing: Briefing) -> list[str]:
    lines = [f"- ban: {text}" for text in briefing.banned]
    lines += [
        f"- veto: {', '.join(f'{name} = {new}' for name, (_, new) in veto.knobs.items())}"
        for veto in briefing.vetoes
        if veto.knobs
    ]
    lines += [
        f"- {'in question, with its knobs' if p.in_question else 'waits already'}: {p.hypothesis}"
        for p in briefing.pending
    ]
    return ["# What is left out", "", *lines, ""] if lines else []


def _axis(axis: SearchAxis, record: Record) -> list[str]:
    trials = record.on(axis.key)
    low, high = record.limits(axis.key)
    crashed = [way for way, limit in (("down", low), ("up", high)) if limit is not None]
    limit = f"; further {' and '.join(crashed)} crashed" if crashed else ""
    tried = "never tried" if not trials else f"tried {len(trials)}×"
    lines = [f"{axis.key} = {axis.value}: {tried}{limit}"]
    if len(trials) > _TRIALS:
        lines.append(f"  ({len(trials) - _TRIALS} older ones are not listed)")
    lines += [f"  {trial_text(trial, axis)}" for trial in trials[-_TRIALS:]]
    return lines
