"""Summarises the workspace's earlier sessions in a short text for the agent's prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from engine.core.analysis.noise import noise_of
from engine.core.enums import Origin, Verdict
from engine.core.events import Platform
from engine.core.records import Experiment
from engine.core.session import Session
from engine.core.text import one_line

MOST_CHARACTERS = 6000
_KEPT = 6
_LOST = 5
_CRASHED = 3
_REFUSED = 5
_DEAD_FROM = 3
"""Number of experiments in a category, none of them kept, from which it is a dead end."""
_CHARACTERS = 160


class Earlier(msgspec.Struct, frozen=True):
    """An earlier session of the workspace, as far as its journal could be read."""

    session: Session
    error: str = ""
    """Why a part of its journal could not be read; empty if all was read."""


def earlier_text(earlier: Sequence[Earlier], limit: int = MOST_CHARACTERS) -> str:
    """Return the keeps, dead ends and noise of earlier sessions as text; empty without any.

    Hypotheses and reasons are quoted on one line without control characters, but they remain
    untrusted: they are facts to consider and not instructions.

    Args:
        earlier: The sessions, newest first.
        limit: Maximum number of characters; lines beyond it are omitted, with a note.
    """
    sessions = [e for e in earlier if e.session.experiments]
    if not sessions:
        return ""
    lines = [
        "Earlier sessions of this workspace, newest first. Their numbers are comparable only if "
        "metric, budget and machine are the same as today; a positive gain is an improvement.",
        *_noise_lines([e.session for e in sessions]),
    ]
    for e in sessions:
        lines += ["", *_session_lines(e)]
    return _within(lines, limit)


def device_of(platform: Platform | None) -> str:
    """Return a machine's GPUs, or its processor if it has no GPU, in at most 60 characters."""
    if platform is None:
        return "an unknown machine"
    if not platform.gpus:
        return one_line(f"{platform.cores} cores of {platform.cpu}", 60)
    names = Counter(gpu.name for gpu in platform.gpus)
    return one_line(", ".join(f"{n} × {name}" if n > 1 else name for name, n in names.items()), 60)


def _noise_lines(sessions: Iterable[Session]) -> Iterator[str]:
    groups: dict[tuple[str, str, str], list[Session]] = {}
    for s in sessions:
        key = (device_of(s.platform), one_line(s.config.metric, 40), _budget(s))
        groups.setdefault(key, []).append(s)
    for (device, metric, budget), some in groups.items():
        noise = noise_of(*some)
        if noise is not None:
            yield (
                f"- noise on {device}: σ of {metric} is {noise.sigma:.2g} "
                f"({noise.runs} runs of {noise.commits} commit(s), {budget})"
            )


def _session_lines(earlier: Earlier) -> Iterator[str]:
    s, c = earlier.session, earlier.session.counts
    better = s.direction.better
    yield (
        f"## Session {one_line(s.config.tag, 40)}: {one_line(s.config.metric, 40)} "
        f"({better} is better), {_budget(s)}, {device_of(s.platform)}"
    )
    values = [
        f"{name} {value:.6g}"
        for name, value in (
            ("baseline", s.baseline and s.baseline.measurement and s.baseline.measurement.metric),
            ("best", s.best_metric),
        )
        if value is not None
    ]
    yield f"{c.total} experiments: {c.keep} kept, {c.discard} discarded, {c.crash} crashed" + (
        f"; {', '.join(values)}" if values else ""
    )
    if earlier.error:
        yield f"(read in part: {one_line(earlier.error, 120)})"
    ideas = [
        e
        for e in s.experiments
        if e.verdict is not None and not e.is_baseline and e.origin is not Origin.CONFIRM
    ]
    kept = [e for e in ideas if e.effective_verdict is Verdict.KEEP]
    yield from _listed("Kept, by gain:", sorted(kept, key=_gain, reverse=True)[:_KEPT])
    yield from _dead_ends(s, ideas)


def _dead_ends(s: Session, ideas: list[Experiment]) -> Iterator[str]:
    tried = Counter(e.proposal.category for e in ideas)
    successful = {e.proposal.category for e in ideas if e.effective_verdict is Verdict.KEEP}
    dead = [
        f"{one_line(name, 30)} ({n} tried)"
        for name, n in tried.most_common()
        if n >= _DEAD_FROM and name not in successful
    ]
    if dead:
        yield f"Categories without a keep: {', '.join(dead[:8])}."
    lost = [e for e in ideas if e.effective_verdict is Verdict.DISCARD and e.gain is not None]
    yield from _listed("Dead ends, worst first:", sorted(lost, key=_gain)[:_LOST])
    crashed = [e for e in ideas if e.effective_verdict is Verdict.CRASH]
    yield from _listed("Crashed:", crashed[-_CRASHED:])
    refused = [f"{v.proposal.hypothesis} (refused: {v.reason})" for v in s.vetoed]
    refused += [ban.text for ban in s.bans]
    if refused:
        yield "Refused by the user:"
        yield from (f"- {one_line(text, 2 * _CHARACTERS)}" for text in refused[-_REFUSED:])


def _listed(title: str, experiments: list[Experiment]) -> Iterator[str]:
    if experiments:
        yield title
        yield from map(_line, experiments)


def _line(e: Experiment) -> str:
    result = ""
    if e.effective_verdict is Verdict.CRASH:
        result = one_line(e.verdict_reason or (e.outcome.value if e.outcome else ""), 60)
    elif e.measurement is not None:
        gain = f", gain {e.gain:+.3g}" if e.gain is not None else ""
        result = f"{e.measurement.metric:.6g}{gain}"
    lead = f"- {one_line(e.proposal.category, 30)}: {one_line(e.proposal.hypothesis, _CHARACTERS)}"
    return f"{lead} → {result}" if result else lead


def _gain(e: Experiment) -> float:
    return e.gain if e.gain is not None else 0.0


def _budget(s: Session) -> str:
    seconds = s.config.budget_seconds
    return f"{seconds:g} s a run" if seconds is not None else "no set budget"


def _within(lines: list[str], limit: int) -> str:
    end = "(the rest is omitted)"
    size, kept = 0, list[str]()
    for line in lines:
        if size + len(line) + 1 > limit - len(end) - 1:
            return "\n".join([*kept, end])
        kept.append(line)
        size += len(line) + 1
    return "\n".join(kept)
