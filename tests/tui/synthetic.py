"""Sessions made up of real events, and a feed that tells them from memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.client.candidate import CandidateFile
from engine.client.sessions import Details
from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import Outcome, Verdict
from engine.core.errors import EngineGoneError, WorkspaceError
from engine.core.finding import Finding, Weight
from engine.core.records import Queued
from engine.core.reducer import apply, fold
from engine.core.session import Session
from engine.protocol.commands import AnyCommand
from engine.protocol.messages import AnyMessage, EventAppended, Reply
from engine.store.curve_file import CurveFile

START = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)

PATCH = """\
--- a/train.py
+++ b/train.py
@@ -416,7 +416,7 @@
 # schedule
 WARMUP_RATIO = 0.0
-WARMDOWN_RATIO = 0.5
+WARMDOWN_RATIO = 0.7
 FINAL_LR_FRAC = 0.0

 def lr(step):
"""


@dataclass(frozen=True)
class Tried:
    """One row of a finished session."""

    verdict: Verdict
    value: float
    memory_gb: float
    hypothesis: str
    reason: str = "not better than the best"
    detail: str = ""


def made_up(count: int, seed: int = 1) -> list[Tried]:
    """Make up the experiments of a plausible night: one in six is kept, one in fourteen crashes."""
    dice = random.Random(seed)
    best = 0.998
    rows = [Tried(Verdict.KEEP, best, 44.0, "baseline", "the first measurement")]
    names = ("WARMDOWN_RATIO", "EMBEDDING_LR", "MATRIX_LR", "DEPTH", "WEIGHT_DECAY", "HEAD_DIM")
    for number in range(2, count + 1):
        idea = f"{dice.choice(names)} {dice.random():.2f} → {dice.random():.2f}, step {number}"
        roll = dice.random()
        if roll < 0.07:
            rows.append(Tried(Verdict.CRASH, 0.0, 0.0, idea, "out of memory", "CUDA out of memory"))
        elif roll < 0.24:
            best -= dice.random() * 0.03 / number**0.5
            rows.append(Tried(Verdict.KEEP, best, 44 + dice.random(), idea, "better than the best"))
        else:
            value = best + dice.random() * 0.004
            rows.append(Tried(Verdict.DISCARD, value, 44 + dice.random(), idea))
    return rows


def opening(
    workspace: Path, notes: tuple[str, ...] = (), config: ResearchConfig | None = None
) -> list[ev.AnyEvent]:
    """What every session begins with."""
    return [
        ev.SessionStarted(
            version="0.1.0",
            workspace=str(workspace),
            branch="autoresearch/nov20",
            base_commit="0" * 40,
            config=config or ResearchConfig(tag="nov20", budget_seconds=300.0, max_experiments=200),
            results_file="results.tsv",
            notes=notes,
        ),
        ev.EngineStarted(pid=4242, version="0.1.0"),
    ]


def attempt(
    number: int, tried: Tried, patch: str = PATCH, best: float | None = None
) -> list[ev.AnyEvent]:
    """One experiment from proposal to verdict, against the best so far."""
    commit = f"{number * 2654435761 % 2**28:07x}" + "0" * 33
    crashed = tried.verdict is Verdict.CRASH
    made: list[ev.AnyEvent] = [
        *beginning(number, tried, patch, commit),
        ev.RunEnded(
            experiment=number,
            run=1,
            outcome=Outcome.OUT_OF_MEMORY if crashed else Outcome.FINISHED,
            detail=tried.detail,
            exit_code=1 if crashed else 0,
            seconds=312.0,
            peak_rss_bytes=3 * 2**30,
        ),
    ]
    if not crashed:
        made.append(
            ev.Measured(
                experiment=number,
                run=1,
                measurement=ev.Measurement(
                    metric=tried.value,
                    memory_gb=tried.memory_gb,
                    training_seconds=300.1,
                    total_seconds=312.0,
                    steps=953,
                    tokens_millions=499.6,
                    summary={"val_bpb": f"{tried.value:.6f}", "num_steps": "953"},
                ),
            )
        )
    made += [
        ev.VerdictGiven(
            experiment=number,
            verdict=tried.verdict,
            reason=tried.reason,
            gain=None if crashed or best is None else best - tried.value,
        ),
        ev.RowWritten(experiment=number, file="results.tsv"),
    ]
    if tried.verdict is Verdict.KEEP:
        made.append(ev.FrontierAdvanced(experiment=number, commit=commit))
    return made


def beginning(
    number: int, tried: Tried, patch: str = PATCH, commit: str = "a" * 40
) -> list[ev.AnyEvent]:
    """An experiment up to its running process."""
    return [
        ev.ProposalDrafted(
            experiment=number,
            base="0" * 40,
            proposal=ev.Proposal(
                patch_id=f"p{number}",
                hypothesis=tried.hypothesis,
                rationale="The last two changes of the schedule were flat.",
                category="schedule",
                agent="search",
                added=1,
                removed=1,
            ),
            patch="" if number == 1 else patch,
            reasoning="Weighing what was tried so far.",
        ),
        ev.CandidateCommitted(
            experiment=number, commit=commit, ref=f"refs/autoresearch/nov20/{number}"
        ),
        ev.RunStarted(
            experiment=number,
            run=1,
            slot=0,
            command="python train.py",
            directory=f".autoresearch/nov20/experiments/{number:04}/run-1",
            deadline_seconds=2400.0,
        ),
    ]


RISKY = (
    Finding("metric-printed", Weight.BLOCK, (417, 418, 430), "It changes what prints the metric."),
    Finding("new-import", Weight.ASK, (3,), "It imports socket, which can reach the network."),
    Finding("large-diff", Weight.NOTE, (), "It changes many lines at once."),
)


def question(
    number: int = 1,
    *,
    hypothesis: str = "A cosine schedule instead of the linear one",
    patch: str = PATCH,
    patch_id: str = "c0ffee000001",
    why: str = "every edit is asked about",
    findings: tuple[Finding, ...] = (),
    minutes: float = 10,
    at: datetime = START,
    **more: object,
) -> list[ev.AnyEvent]:
    """The events of a proposal that the user is asked about, until some minutes after `at`."""
    proposal = ev.Proposal(
        patch_id=patch_id,
        hypothesis=hypothesis,
        rationale="The loss falls last where the rate is small.",
        expected="val_bpb falls by about 0.002",
        category="schedule",
        agent="llm",
        added=1,
        removed=1,
    )
    queued = ev.ProposalQueued(
        queued=number,
        base="0" * 40,
        proposal=proposal,
        patch=patch,
        reasoning="",
        after=20,
        findings=findings,
        **more,  # type: ignore[arg-type]
    )
    until = at + timedelta(minutes=minutes)
    return [queued, ev.ReviewRequested(queued=number, patch_id=patch_id, why=why, until=until)]


def numbered(events: list[ev.AnyEvent], seq: int = 0, at: datetime = START) -> list[ev.AnyEvent]:
    """The same with sequence numbers and times, two minutes apart."""
    import msgspec

    return [
        msgspec.structs.replace(e, seq=seq + i, at=at + timedelta(seconds=60 * i))
        for i, e in enumerate(events, start=1)
    ]


def events_of(workspace: Path, tried: list[Tried], running: bool = True) -> list[ev.AnyEvent]:
    """What happened in a session that has these behind it and, if `running`, one more in
    training.
    """
    events = opening(workspace)
    best: float | None = None
    for number, each in enumerate(tried, start=1):
        events += attempt(number, each, best=best)
        if each.verdict is Verdict.KEEP:
            best = each.value
    if running:
        events += beginning(
            len(tried) + 1, Tried(Verdict.KEEP, 0, 0, "Warm-down over 70 % of the run")
        )
    return numbered(events)


def session_of(workspace: Path, tried: list[Tried], running: bool = True) -> Session:
    """What folding that gives."""
    return fold(events_of(workspace, tried, running))


@dataclass
class MemoryFeed:
    """A feed without an engine: it tells what it is told to tell, and remembers what was asked."""

    session: Session
    workspace: Path = Path("/nowhere")
    sent: list[AnyCommand] = field(default_factory=list)
    starts: int = 0
    refuse_starts: int = 0
    """The number of next starts that find no engine."""
    answer: Reply = field(default_factory=lambda: Reply(id=0, ok=True, message=""))
    closed: bool = False
    patches: dict[int, str] = field(default_factory=dict)
    history: list[ev.AnyEvent] = field(default_factory=list)
    """What happened before; its session is another field."""
    prompts: dict[str, str] = field(default_factory=dict)
    candidate_file: CandidateFile | WorkspaceError = CandidateFile("", "", "")  # noqa: RUF009
    """The editable file before and after the proposal, or why it cannot be read."""
    left: Session | None = None
    """The session in the journal, used while no engine answers."""
    queue: asyncio.Queue[AnyMessage | None] = field(default_factory=asyncio.Queue)

    async def start(self) -> Session:
        self.starts += 1
        if self.refuse_starts:
            self.refuse_starts -= 1
            raise EngineGoneError("No engine answers.")
        return self.session

    async def journaled(self) -> Session | None:
        return self.left

    async def messages(self) -> AsyncIterator[AnyMessage]:
        while (message := await self.queue.get()) is not None:
            yield message

    def tell(self, *messages: AnyMessage) -> None:
        """Let these arrive."""
        for message in messages:
            self.queue.put_nowait(message)

    def happen(self, *events: ev.AnyEvent) -> None:
        """Let these happen, with the next sequence numbers."""
        for event in numbered(list(events), self.session.seq, self.session.at):
            self.session = apply(self.session, event)
            self.history.append(event)
            self.tell(EventAppended(event=event))

    def die(self) -> None:
        """The engine is gone."""
        self.queue.put_nowait(None)

    async def send(self, command: AnyCommand) -> Reply:
        self.sent.append(command)
        return self.answer

    def log_path(self, experiment: int, run: int) -> Path | None:
        return self.workspace / f"{experiment:04}-{run}.log"

    def curve_file(self, experiment: int, run: int) -> CurveFile | None:
        return CurveFile(self.workspace / f"{experiment:04}-{run}")

    def details(self, experiment: int) -> Details:
        patch = self.patches.get(experiment, PATCH if experiment > 1 else "")
        return Details(patch, "Weighing what was tried so far.", self.workspace)

    async def candidate(self, session: Session, queued: Queued) -> CandidateFile:
        if isinstance(self.candidate_file, WorkspaceError):
            raise self.candidate_file
        return self.candidate_file

    def prompt(self, key: str) -> str | None:
        return self.prompts.get(key)

    async def events(self) -> Sequence[ev.AnyEvent]:
        return self.history

    async def close(self) -> None:
        self.closed = True
