"""Formats verdicts: the sign and word of each, and the Textual component class to paint it in."""

from __future__ import annotations

from engine.core.enums import Verdict
from engine.core.events import Proposal
from engine.core.imported_attempt import PastAttempt
from engine.core.records import Experiment
from engine.core.session import Session
from tui.present.text import clean_line

VERDICTS = {
    Verdict.KEEP: ("✓ keep", "--keep"),
    Verdict.DISCARD: ("· discard", "--discard"),
    Verdict.CRASH: ("✗ crash", "--crash"),
}
INTERRUPTED = ("‖ interrupted", "--attention")
BREACH = ("· breach", "--discard")
INDECISIVE = ("? indecisive", "--attention")
OPEN = ("○ open", "--attention")
BY_YOU = " by you"
"""Appended to a verdict that the user gave in place of the keep rule's."""


def interrupted(experiment: Experiment) -> bool:
    """Return whether the user killed the experiment's run; `results.tsv` calls that a crash."""
    if experiment.effective_verdict is not Verdict.CRASH:
        return False
    run = experiment.run
    return run is not None and run.kill_requested


def is_indecisive(experiment: Experiment) -> bool:
    """Return whether an experiment is a discard for which its repeats ended before the test did."""
    return experiment.indecisive and experiment.effective_verdict is Verdict.DISCARD


def verdict_of(experiment: Experiment) -> tuple[str, str] | None:
    """Return the verdict in force as text and style, the user's own marked `by you`.

    Returns:
        Such as `("✓ keep", "--keep")`; an imported row's status if that is not a verdict; None
        before there is a verdict.
    """
    verdict = experiment.effective_verdict
    if verdict is None:
        return (f"– {clean_line(experiment.row_status)}", "") if experiment.row_status else None
    word, style = _mark(experiment, verdict)
    return (f"{word}{BY_YOU}" if experiment.overruled is not None else word), style


def past_status(attempt: PastAttempt) -> str:
    """Return an imported attempt's status as a sign and a word: `✓ keep`, `– not recorded`."""
    if attempt.verdict is not None:
        return VERDICTS[attempt.verdict][0]
    return f"– {clean_line(attempt.status)}" if attempt.status else "– not recorded"


def rule_verdict(experiment: Experiment) -> tuple[str, str] | None:
    """Return the keep rule's verdict as text and style, even if overruled; None without one."""
    if experiment.verdict is None:
        return None
    return _mark(experiment, experiment.verdict)


def _mark(experiment: Experiment, verdict: Verdict) -> tuple[str, str]:
    if interrupted(experiment):
        return INTERRUPTED
    if experiment.indecisive and verdict is Verdict.DISCARD:
        return INDECISIVE
    broken = experiment.breaches and not experiment.doubts and verdict is Verdict.DISCARD
    return BREACH if broken and not experiment.is_baseline else VERDICTS[verdict]


def category_of(proposal: Proposal) -> str:
    """Return a proposal's category; "" where the hypothesis says the same, as for the baseline."""
    category = proposal.category
    same = category.strip().lower() == proposal.hypothesis.strip().lower()
    return "" if same else category


def is_unattended(session: Session) -> bool:
    """Return whether no engine runs the session, so that an unfinished experiment stays open."""
    return session.ended is not None or session.engine_pid is None


def interruptions(session: Session) -> int:
    """Return how many of the session's crashed experiments are runs that the user killed."""
    return sum(map(interrupted, session.experiments)) if session.counts.crash else 0


def has_overruled(session: Session) -> bool:
    """Return whether the user overruled the verdict on any experiment of the session."""
    return any(experiment.overruled is not None for experiment in session.experiments)


def longest_foreign_status(session: Session) -> int:
    """Return the cells of the longest status word of an imported table; 0 without such a word."""
    words = {e.row_status for e in session.experiments if e.verdict is None and e.row_status}
    signs = {f"– {clean_line(word)}" for word in words}
    signs |= {past_status(attempt) for attempt in session.past if attempt.verdict is None}
    from rich.cells import cell_len  # imported here because the other texts do not need it

    return max(map(cell_len, signs), default=0)
