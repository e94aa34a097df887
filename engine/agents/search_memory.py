"""What the knob search goes by, as text: it reads numbers and names, and no sentences."""

from __future__ import annotations

from engine.agents.base import Briefing
from engine.agents.search_options import SearchChoice
from engine.agents.search_record import Record
from engine.agents.search_space import SearchAxis
from engine.agents.search_words import hypothesis, trial_text

_TRIALS = 8
"""So many of the last trials are told of each knob."""


def memory_text(
    briefing: Briefing, record: Record, choice: SearchChoice | None, leaders: list[str], policy: str
) -> str:
    """All of it, knob by knob, and what follows from that."""
    metric = briefing.config.metric
    lines = [
        f"No language model is asked: this search ({policy}) goes by the numbers below and reads "
        "no words. program.md, notes and the memory of earlier sessions do not reach it. Of a ban "
        "it takes the names of knobs, of a veto the knobs with their values.",
        "",
        *_wishes(briefing),
        f"# For experiment {briefing.number}",
        "",
        hypothesis(choice, record, policy)
        if choice is not None
        else "Nothing: all that this search can think of has been tried on this frontier.",
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


def _wishes(briefing: Briefing) -> list[str]:
    lines = [f"- ban: {text}" for text in briefing.banned]
    lines += [
        f"- veto: {', '.join(f'{name} = {new}' for name, (_, new) in veto.knobs.items())}"
        for veto in briefing.vetoes
        if veto.knobs
    ]
    lines += [f"- waits already: {p.hypothesis}" for p in briefing.pending]
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
