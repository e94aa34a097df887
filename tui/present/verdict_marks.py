"""How an experiment stands, as a sign, a word and the component class of their colour."""

from __future__ import annotations

from rich.cells import cell_len

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
OPEN = ("○ open", "--attention")
BY_YOU = " by you"
"""Follows a verdict that a person gave in the place of the keep rule's."""


def interrupted(experiment: Experiment) -> bool:
    """Whether the person ended it; `results.tsv` has only the word crash for that."""
    run = experiment.run
    return experiment.effective_verdict is Verdict.CRASH and run is not None and run.kill_requested


def verdict_of(experiment: Experiment) -> tuple[str, str] | None:
    """The verdict in force, and whether it is the person's own; None before there is one."""
    standing = experiment.effective_verdict
    if standing is None:
        return (f"– {clean_line(experiment.row_status)}", "") if experiment.row_status else None
    word, style = INTERRUPTED if interrupted(experiment) else VERDICTS[standing]
    return (f"{word}{BY_YOU}" if experiment.overruled is not None else word), style


def said_of(attempt: PastAttempt) -> str:
    """What its table says of a row from before the journal, as a sign and a word."""
    if attempt.verdict is not None:
        return VERDICTS[attempt.verdict][0]
    return f"– {clean_line(attempt.status)}" if attempt.status else "– not recorded"


def ruled(experiment: Experiment) -> tuple[str, str] | None:
    """What the keep rule said, whatever a person says since; None before that."""
    if experiment.verdict is None:
        return None
    return INTERRUPTED if interrupted(experiment) else VERDICTS[experiment.verdict]


def category_of(proposal: Proposal) -> str:
    """The category, where it says more than the hypothesis does: the baseline is both."""
    category = proposal.category
    same = category.strip().lower() == proposal.hypothesis.strip().lower()
    return "" if same else category


def abandoned(session: Session) -> bool:
    """Whether nobody is at work, so that an experiment without a verdict stays so for now."""
    return session.ended is not None or session.engine_pid is None


def interruptions(session: Session) -> int:
    """How many of the crashes are the person's own doing."""
    return sum(map(interrupted, session.experiments)) if session.counts.crash else 0


def overruled_any(session: Session) -> bool:
    """Whether a person gave another verdict than the keep rule anywhere."""
    return any(experiment.overruled is not None for experiment in session.experiments)


def longest_word(session: Session) -> int:
    """Cells of the longest status in words that are not ours; 0 where there is none."""
    words = {e.row_status for e in session.experiments if e.verdict is None and e.row_status}
    signs = {f"– {clean_line(word)}" for word in words}
    signs |= {said_of(attempt) for attempt in session.past if attempt.verdict is None}
    return max(map(cell_len, signs), default=0)
