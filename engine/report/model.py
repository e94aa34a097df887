"""The type `ReportFacts`: everything a report says, made from a journal or a table."""

from __future__ import annotations

from datetime import datetime

import msgspec

from engine.core.analysis.noise import Noise, Trust, in_sigmas
from engine.core.enums import Direction
from engine.core.table.model import RowVerdict
from engine.core.table.stats import TableCounts, Trend

UNNAMED = "the metric"
"""The name of the metric where a table has no column for it."""
NO_CATEGORY = "no category"
"""The name of the category of experiments without one."""


class Point(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One experiment of a session, or one row of a table."""

    number: int
    verdict: RowVerdict
    """The effective verdict: the user's where the user overruled the keep rule."""
    value: float | None = None
    """The measured value; None where nothing was measured or the report was doubted."""
    gain: float | None = None
    """Against the incumbent of its time, in metric units; positive is better."""
    text: str = ""
    """The hypothesis or description, on one line, without control characters."""
    category: str = ""
    commit: str = ""
    outcome: str = ""
    """Why the experiment was not kept, in a few words."""
    memory_gb: float | None = None
    seconds: float | None = None
    again: int = 0
    """The experiment that this one repeated; 0: none."""
    best: float | None = None
    """The best value so far, including this one."""
    row: int = 0
    """The row of an adopted table, or 0. Adopted rows have numbers up to 0."""

    @property
    def name(self) -> str:
        """Return how reports refer to it: `#7`, or `row 7` for an adopted row."""
        return f"row {self.row}" if self.row else f"#{self.number}"


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """A kept change and its gain."""

    point: Point
    gain: float | None
    """In metric units, from means where it or its predecessor was measured more than once."""
    sigmas: float | None
    trust: Trust
    runs: int = 1
    seed: bool = False
    """Whether it changed only the random seed, so that its gain is luck."""


class Category(msgspec.Struct, frozen=True, kw_only=True):
    """The results of one category of experiments."""

    name: str
    tried: int
    kept: int
    discarded: int
    crashed: int
    gained: float
    """Sum of the gains of its keeps, in metric units."""


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """How the time was used, in seconds; the uses add up to `total` unless runs overlap."""

    total: float
    training: float
    evaluation: float
    """All time of measured runs except training, including start-up and compilation."""
    lost: float
    """Runs that measured nothing."""
    waiting: float
    """Time for the next proposal: the agent, the user's review, the engine itself."""
    idle: float
    """Time while paused or without a running engine."""

    def parts(self) -> tuple[tuple[str, float], ...]:
        """Return a description and the seconds of each use."""
        return (
            ("training", self.training),
            ("start-up and evaluation", self.evaluation),
            ("runs that measured nothing", self.lost),
            ("waiting for the next proposal", self.waiting),
            ("idle: paused or no engine", self.idle),
        )


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Calls, tokens and dollars used by language models."""

    calls: int
    tokens: int
    dollars: float | None
    """None if no price is known."""
    unpriced: int
    """Calls without a known price."""
    dollars_per_experiment: float | None
    tokens_per_experiment: float | None
    dollars_per_keep: float | None


class UserAction(msgspec.Struct, frozen=True):
    """A decision or instruction of the user."""

    at: datetime
    text: str


class NextStep(msgspec.Struct, frozen=True):
    """A recommended next step, with the command for it if there is one."""

    text: str
    command: str = ""


class Suggested(msgspec.Struct, frozen=True, kw_only=True):
    """Next steps suggested by a language model: opinions, not measured figures."""

    model: str
    at: datetime
    settled: int
    """Experiments that had a verdict when the model was asked."""
    steps: tuple[str, ...] = ()
    """The suggested steps in the model's words, sanitized."""
    tokens: int = 0
    dollars: float | None = None
    """Cost of the call; None if the price is unknown."""
    error: str = msgspec.field(default="", name="trouble")
    """Why there are no steps, in a sentence."""


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that a session adopted: measured before it began, by another program."""

    points: tuple[Point, ...]
    counts: TableCounts
    baseline: Point | None
    best: Point | None


class ReportFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All facts of a report."""

    name: str
    """The session's tag, or the file's name."""
    of_session: bool
    metric: str
    direction: Direction
    places: int
    """Digits after the decimal point of the metric's values."""
    details: tuple[tuple[str, str], ...] = ()
    """Names and values of further facts: branch, agent, machine …"""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    running: bool = False
    counts: TableCounts = TableCounts()
    trend: Trend = Trend(None, None, None, 0, 0)
    plateau: int = 0
    """Experiments without a gain in a row at the end."""
    baseline: Point | None = None
    best: Point | None = None
    gain: float | None = None
    """Gain from the baseline to the best."""
    points: tuple[Point, ...] = ()
    keeps: tuple[Keep, ...] = ()
    """Keeps in order, without the baseline."""
    categories: tuple[Category, ...] = ()
    outcomes: tuple[tuple[str, int], ...] = ()
    """Reasons why experiments were not kept, each with its count, most frequent first."""
    misses: tuple[Point, ...] = ()
    """The discards that came closest to being kept."""
    noise: Noise | None = None
    noise_why: str = ""
    """Why the noise is unknown; empty if it is known."""
    hours: Hours | None = None
    cost: Cost | None = None
    user_actions: tuple[UserAction, ...] = ()
    guard: tuple[str, ...] = ()
    """How the metric was guarded and the runs were sandboxed."""
    meaning: tuple[str, ...] = ()
    """An explanation of the metric and of the verdicts."""
    steps: tuple[NextStep, ...] = ()
    reading: tuple[str, ...] = ()
    """How the table was interpreted, and which parts of it could not be."""
    adopted: Adopted | None = None
    """The rows that the session adopted; not included in the figures above."""
    suggested: Suggested | None = None
    diffs: str = ""
    """Which diffs the page contains, and why others are missing."""

    @property
    def percent(self) -> float | None:
        """Return the gain in percent of the baseline's absolute value."""
        if self.gain is None or self.baseline is None or not self.baseline.value:
            return None
        return 100 * self.gain / abs(self.baseline.value)

    @property
    def sigmas(self) -> float | None:
        """Return the gain in σ; None if σ is unknown or 0."""
        return in_sigmas(self.gain, self.noise)

    @property
    def top(self) -> tuple[Keep, ...]:
        """Return the keeps with a gain, largest first."""
        gained = [keep for keep in self.keeps if keep.gain is not None and keep.gain > 0]
        return tuple(sorted(gained, key=lambda keep: -(keep.gain or 0.0)))
