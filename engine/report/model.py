"""What a report knows: one set of facts, whether they come from a journal or from a table."""

from __future__ import annotations

from datetime import datetime

import msgspec

from engine.core.analysis.noise import Noise, Trust, in_sigmas
from engine.core.enums import Direction
from engine.core.table.model import RowVerdict
from engine.core.table.stats import TableCounts, Trend

UNNAMED = "the metric"
"""What it is called where a table has no column for it."""


class Point(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One experiment, or one row."""

    number: int
    verdict: RowVerdict
    """The one in force: a person's where they overruled the rule's."""
    value: float | None = None
    """None where nothing was measured, or what was reported is not believed."""
    gain: float | None = None
    """Against what was to be beaten, in metric units; positive is better."""
    text: str = ""
    """What was tried, on one line, without control characters."""
    category: str = ""
    commit: str = ""
    outcome: str = ""
    """Why it was not kept, in a few words."""
    memory_gb: float | None = None
    seconds: float | None = None
    again: int = 0
    """The experiment that this one only measured again."""
    best: float | None = None
    """The best value so far, this one counted."""
    row: int = 0
    """Of one that a session took over: its row in the table it came from. Its number is not above
    0 then, so that it stands before the session's own."""

    @property
    def name(self) -> str:
        """What it is called: `#7`, or `row 7` where it was taken over."""
        return f"row {self.row}" if self.row else f"#{self.number}"


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """A kept change and what it is worth."""

    point: Point
    gain: float | None
    """From the means where it, or what it beat, was measured more than once."""
    sigmas: float | None
    trust: Trust
    runs: int = 1
    seed: bool = False
    """Whether it changed the random seed and nothing else: luck that was kept."""


class Category(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the experiments of one kind."""

    name: str
    tried: int
    kept: int
    discarded: int
    crashed: int
    gained: float
    """By its keeps together, in metric units."""


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time went, in seconds; they add up to `total` while runs do not overlap."""

    total: float
    training: float
    evaluation: float
    """Start-up and compiling are in it: what measured runs took beside training."""
    lost: float
    """Runs that measured nothing."""
    waiting: float
    """For the next proposal: the agent, a person's review, the engine itself."""
    idle: float
    """Paused, or no engine at work."""

    def parts(self) -> tuple[tuple[str, float], ...]:
        """Each use in words, and its seconds."""
        return (
            ("training", self.training),
            ("start-up and evaluation", self.evaluation),
            ("runs that measured nothing", self.lost),
            ("waiting for the next proposal", self.waiting),
            ("idle: paused or no engine", self.idle),
        )


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What language models used."""

    calls: int
    tokens: int
    dollars: float | None
    """None where no price is known."""
    unpriced: int
    dollars_per_experiment: float | None
    tokens_per_experiment: float | None
    dollars_per_keep: float | None


class HumanAct(msgspec.Struct, frozen=True):
    """Something a person decided."""

    at: datetime
    text: str


class NextStep(msgspec.Struct, frozen=True):
    """Something to do next."""

    text: str
    command: str = ""


class Suggested(msgspec.Struct, frozen=True, kw_only=True):
    """What a language model would do next: somebody's opinion, and no figure of the session."""

    model: str
    at: datetime
    settled: int
    """So many experiments had a verdict when it was asked."""
    steps: tuple[str, ...] = ()
    """Its words, cleaned; untrusted."""
    tokens: int = 0
    dollars: float | None = None
    """None: the price is not known."""
    trouble: str = ""
    """Why there are none, in a sentence."""


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that a session took over: measured before it began, by nobody of ours."""

    points: tuple[Point, ...]
    counts: TableCounts
    baseline: Point | None
    best: Point | None


class ReportFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a report tells."""

    name: str
    """The session's tag, or the file's name."""
    of_session: bool
    metric: str
    direction: Direction
    places: int
    """Digits after the point that the metric's values have."""
    facts: tuple[tuple[str, str], ...] = ()
    """What is known of the session, name and value: branch, agent, machine …"""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    running: bool = False
    counts: TableCounts = TableCounts()
    trend: Trend = Trend(None, None, None, 0, 0)
    plateau: int = 0
    """How many experiments in a row brought nothing at the end."""
    baseline: Point | None = None
    best: Point | None = None
    gain: float | None = None
    """From the baseline to the best."""
    points: tuple[Point, ...] = ()
    keeps: tuple[Keep, ...] = ()
    """In order, without the baseline."""
    categories: tuple[Category, ...] = ()
    outcomes: tuple[tuple[str, int], ...] = ()
    """Why experiments were not kept, the most frequent first."""
    misses: tuple[Point, ...] = ()
    """Discards that came closest to being kept."""
    noise: Noise | None = None
    noise_why: str = ""
    """Why the noise is not known, where it is not."""
    hours: Hours | None = None
    cost: Cost | None = None
    acts: tuple[HumanAct, ...] = ()
    guard: tuple[str, ...] = ()
    """What kept the metric honest and the run confined."""
    meaning: tuple[str, ...] = ()
    steps: tuple[NextStep, ...] = ()
    reading: tuple[str, ...] = ()
    """How a table was understood, and what of it was not."""
    adopted: Adopted | None = None
    """What came before a session that took a table over; in none of the figures above."""
    suggested: Suggested | None = None
    diffs: str = ""
    """Which diffs the page has, and why others are missing."""

    @property
    def percent(self) -> float | None:
        """The gain in hundredths of the baseline's size."""
        if self.gain is None or self.baseline is None or not self.baseline.value:
            return None
        return 100 * self.gain / abs(self.baseline.value)

    @property
    def sigmas(self) -> float | None:
        """The gain in units of the noise."""
        return in_sigmas(self.gain, self.noise)

    @property
    def top(self) -> tuple[Keep, ...]:
        """The keeps that gained most, the best first."""
        gained = [keep for keep in self.keeps if keep.gain is not None and keep.gain > 0]
        return tuple(sorted(gained, key=lambda keep: -(keep.gain or 0.0)))
