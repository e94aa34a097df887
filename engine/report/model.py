"""Defines `ReportFacts`: everything a report says, computed from a journal or a table."""

from __future__ import annotations

import math
from datetime import datetime

import msgspec

from engine.core.analysis.claim import Claim
from engine.core.analysis.noise import Trust, in_sigmas
from engine.core.enums import Direction
from engine.core.spread import Spread
from engine.core.table.model import RowVerdict
from engine.core.table.stats import TableCounts, Trend
from engine.report.figures import Places

UNNAMED = "the metric"
"""Text in place of the metric's name where a table has no column for it."""
NO_CATEGORY = "no category"
"""Text in place of the category's name for experiments without one."""


class Point(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One experiment of a session, or one row of a table, as a report shows it."""

    number: int
    verdict: RowVerdict
    """The effective verdict: the user's where the user overruled the keep rule."""
    value: float | None = None
    """The measured value; None where nothing was measured or the report was doubted."""
    gain: float | None = None
    """Gain over the incumbent of its time, in metric units, positive is better; None: unknown."""
    text: str = ""
    """The hypothesis or description, on one line, without control characters."""
    category: str = ""
    commit: str = ""
    outcome: str = ""
    """Why the experiment was not kept, in a few words; empty if it was kept."""
    memory_gb: float | None = None
    seconds: float | None = None
    again: int = 0
    """Number of the experiment that this one repeated; 0: none."""
    best: float | None = None
    """The best value so far, including this one; None if nothing was measured yet."""
    row: int = 0
    """Row in the table that the session adopted; 0 for an experiment of the session.

    The `number` of an adopted row is 0 or negative.
    """

    @property
    def name(self) -> str:
        """Return how reports refer to this point: `#7`, or `row 7` for an adopted row."""
        return f"row {self.row}" if self.row else f"#{self.number}"


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """A kept change, its gain over the keep before it, and how far that can be trusted."""

    point: Point
    gain: float | None
    """Gain in metric units, from the mean where a keep was measured repeatedly; None: unknown."""
    sigmas: float | None
    trust: Trust
    runs: int = 1
    seed: bool = False
    """True if it changed only the random seed, so that its gain is luck."""


class Category(msgspec.Struct, frozen=True, kw_only=True):
    """The results of the experiments in one category, such as `optimizer`."""

    name: str
    tried: int
    kept: int
    discarded: int
    crashed: int
    gained: float
    """Sum of the gains of its keeps, in metric units."""


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """How a session's time was used, in seconds; the parts sum to `total` unless runs overlap."""

    total: float
    training: float
    evaluation: float
    """Time of measured runs except training: start-up, compilation and evaluation."""
    lost: float
    """Time of runs that measured nothing."""
    waiting: float
    """Time between runs: for the agent's proposal, the user's review, the engine itself."""
    idle: float
    """Time while paused or without a running engine."""
    stopped: int = 0
    """The number of runs that were stopped early."""
    saved: float = 0.0
    """Time that these would have gone on, by the time the incumbent's run took."""

    def parts(self) -> tuple[tuple[str, float], ...]:
        """Return the description and the seconds of each use of the time."""
        return (
            ("training", self.training),
            ("start-up and evaluation", self.evaluation),
            ("runs that measured nothing", self.lost),
            ("waiting for the next proposal", self.waiting),
            ("idle: paused or no engine", self.idle),
        )


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Calls, tokens and dollars that a session used for language models."""

    calls: int
    tokens: int
    dollars: float | None
    """Dollars spent; None if no call has a known price."""
    unpriced: int
    """Number of calls without a known price."""
    dollars_per_experiment: float | None
    tokens_per_experiment: float | None
    dollars_per_keep: float | None


class UserAction(msgspec.Struct, frozen=True):
    """A decision or instruction of the user, with its time, as a line of the report."""

    at: datetime
    text: str


class NextStep(msgspec.Struct, frozen=True):
    """A recommended next step, and the shell command for it; the command may be empty."""

    text: str
    command: str = ""


class Suggested(msgspec.Struct, frozen=True, kw_only=True):
    """Next steps suggested by a language model: opinions, not measured figures."""

    model: str
    at: datetime
    settled: int
    """Number of experiments with a verdict when the model was asked."""
    steps: tuple[str, ...] = ()
    """The suggested steps in the model's words, each on one line without control characters."""
    tokens: int = 0
    dollars: float | None = None
    """Dollars that the question cost; None if the price is unknown."""
    error: str = msgspec.field(default="", name="trouble")
    """Why there are no steps, in a sentence; empty if there are some."""


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a results file that a session adopted: measured before the session began."""

    points: tuple[Point, ...]
    counts: TableCounts
    baseline: Point | None
    best: Point | None


class ReportFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All facts that a report on a session or a table shows."""

    name: str
    """The session's tag, or the file's name."""
    of_session: bool
    metric: str
    direction: Direction
    places: Places
    """Numbers of digits after the decimal point of the metric's values."""
    details: tuple[tuple[str, str], ...] = ()
    """Further facts as names and values: branch, agent, machine …"""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    running: bool = False
    counts: TableCounts = TableCounts()
    trend: Trend = Trend(None, None, None, 0, 0)
    plateau: int = 0
    """Number of discards in a row at the end."""
    baseline: Point | None = None
    best: Point | None = None
    gain: float | None = None
    """Gain of the best over the baseline, in metric units; None if unknown."""
    claim: Claim | None = None
    """What the session claims as that gain, with its error; None for a table or without a gain."""
    points: tuple[Point, ...] = ()
    keeps: tuple[Keep, ...] = ()
    """All keeps in order, without the baseline."""
    categories: tuple[Category, ...] = ()
    outcomes: tuple[tuple[str, int], ...] = ()
    """Reasons why experiments were not kept, each with its count, most frequent first."""
    misses: tuple[Point, ...] = ()
    """The discards that came closest to being kept, nearest first."""
    noise: Spread | None = None
    noise_why: str = ""
    """Why the noise is unknown; empty if it is known."""
    hours: Hours | None = None
    cost: Cost | None = None
    user_actions: tuple[UserAction, ...] = ()
    guard: tuple[str, ...] = ()
    """How the metric was guarded and the runs were sandboxed, as sentences."""
    meaning: tuple[str, ...] = ()
    """An explanation of the metric and of the verdicts, as paragraphs."""
    steps: tuple[NextStep, ...] = ()
    reading: tuple[str, ...] = ()
    """How the table or journal was read, and which parts could not be, as sentences."""
    adopted: Adopted | None = None
    """The rows that the session adopted, not counted in the figures above; None without any."""
    suggested: Suggested | None = None
    diffs: str = ""
    """Why the page lacks the diffs of some experiments; empty: nothing to say."""

    @property
    def percent(self) -> float | None:
        """Return the gain in percent of the baseline's absolute value; None if unknown."""
        before = self.before
        return 100 * self.gain / abs(before) if self.gain is not None and before else None

    @property
    def percent_error(self) -> float | None:
        """Return the half width of the 95 % interval of `percent`; None where σ is unknown."""
        error = self.claim.error if self.claim is not None else None
        return 100 * error / abs(self.before) if error is not None and self.before else None

    @property
    def before(self) -> float | None:
        """Return the baseline's value that the gain is measured from; None if unknown."""
        if self.claim is not None:
            return self.claim.before
        return self.baseline.value if self.baseline is not None else None

    @property
    def claim_digits(self) -> int:
        """Return the digits after the decimal point with which the claim's values are shown."""
        error = self.claim.error if self.claim is not None else None
        if not error:
            return self.places.usual
        return max(self.places.usual, min(7, math.ceil(-math.log10(error)) + 1))

    @property
    def after(self) -> float | None:
        """Return the best version's value; None if unknown."""
        if self.claim is not None:
            return self.claim.after
        return self.best.value if self.best is not None else None

    @property
    def sigmas(self) -> float | None:
        """Return the gain in units of σ, the noise of one run; None if that is unknown or 0."""
        return in_sigmas(self.gain, self.noise)

    @property
    def top(self) -> tuple[Keep, ...]:
        """Return the keeps with a gain, largest first."""
        gained = [keep for keep in self.keeps if keep.gain is not None and keep.gain > 0]
        return tuple(sorted(gained, key=lambda keep: -(keep.gain or 0.0)))
