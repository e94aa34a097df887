"""Sessions made by folding events, for tests to paint."""

from __future__ import annotations

import ctypes
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.widget import Widget

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import Direction, Outcome, Phase, Verdict
from engine.core.machine import GpuSample, MachineSample
from engine.core.reducer import fold
from engine.core.session import Session
from engine.protocol.messages import Progress
from tui.view import View

_PUNCH_HOLE_KEEP_SIZE = 0x03
START = datetime(2026, 3, 7, 22, 0, tzinfo=UTC)

PATCH = """--- a/train.py
+++ b/train.py
@@ -415,7 +415,9 @@ UNEMBEDDING_LR = 0.004
 # learning rate schedule
 SCALAR_LR = 0.5         # Adam
 WEIGHT_DECAY = 0.2
-WARMDOWN_RATIO = 0.5    # fraction of time budget for LR warmdown
+WARMDOWN_RATIO = 0.7    # fraction of time budget for LR warmdown
+FINAL_LR_FRAC = 0.05
+NAME = "a string"

 def get_lr_multiplier(progress):
     return 1.0 if progress < WARMUP_RATIO else 0.5
"""

REASONING = (
    "The last two warm-down changes were flat, so the schedule is near its optimum. The embedding"
    " learning rate has not moved since the baseline.\n\n- try a longer warm-down first\n- then the"
    " embedding learning rate, 0.6 → 0.8"
)


def session_of(
    count: int,
    *,
    running: bool = True,
    direction: Direction = Direction.MIN,
    patch: str = PATCH,
    text: str = "",
    workspace: str = "/workspace",
    seed: int = 1,
) -> Session:
    """Return a session of `count` finished experiments and, if it runs, one more.

    Args:
        count: The number of finished experiments, with the baseline.
        running: True if one more experiment is in training.
        direction: The direction in which the metric improves.
        patch: The patch of the newest experiment.
        text: A text to add to everything that an agent or the user writes.
        workspace: The directory of the run directories.
        seed: The seed of the random results.
    """
    rng = random.Random(seed)
    sign = 1 if direction is Direction.MIN else -1
    happened: list[ev.AnyEvent] = [
        ev.SessionStarted(
            version="0.1.0",
            workspace=workspace,
            branch="autoresearch/mar7",
            base_commit="a" * 40,
            config=ResearchConfig(tag="mar7", budget_seconds=300.0, direction=direction),
            results_file="results.tsv",
            notes=(text or "results.tsv was kept as it is",),
            at=START,
        ),
        ev.EngineStarted(pid=1, version="0.1.0", at=START),
        ev.PlatformDetected(
            platform=ev.Platform(
                system="Linux", python="3.11", cpu="x", cores=8, ram_bytes=2**35, sandbox="none"
            ),
            at=START,
        ),
    ]
    best = 0.998 if sign > 0 else 0.5
    ideas = (
        ("optimizer", "unembedding LR 0.004 → 0.008"),
        ("schedule", "longer warm-down, for the last changes to it were flat"),
        ("architecture", "grouped-query attention with 4 key-value heads"),
        ("batch", "halve the total batch size: more steps in the same time"),
    )
    at = START
    for number in range(1, count + 1 + running):
        at += timedelta(minutes=6)
        category, idea = ("baseline", "the file as it is") if number == 1 else rng.choice(ideas)
        happened.append(
            ev.ProposalDrafted(
                experiment=number,
                base="a" * 40,
                proposal=ev.Proposal(
                    patch_id=f"{number:08x}",
                    hypothesis=text or idea,
                    rationale=text or "because of the last runs",
                    expected=text or "val_bpb −0.001 to −0.003",
                    category=text or category,
                    agent="search",
                ),
                patch="" if number == 1 else patch,
                reasoning=text or REASONING,
                at=at,
            )
        )
        commit = f"{rng.getrandbits(160):040x}"
        happened += [
            ev.CandidateCommitted(experiment=number, commit=commit, ref="r", at=at),
            ev.RunStarted(
                experiment=number,
                run=1,
                slot=0,
                command="python train.py",
                directory=f".autoresearch/mar7/experiments/{number:04}/run-1",
                deadline_seconds=1200.0,
                at=at,
            ),
        ]
        if number > count:
            break
        happened += _result(number, commit, at, rng, best, sign, text)
        last = happened[-1]
        if isinstance(last, ev.FrontierAdvanced):
            measured = next(e for e in reversed(happened) if isinstance(e, ev.Measured))
            best = measured.measurement.metric
    return fold(happened)


def _result(
    number: int,
    commit: str,
    at: datetime,
    rng: random.Random,
    best: float,
    sign: int,
    text: str,
) -> list[ev.AnyEvent]:
    end = at + timedelta(minutes=5)
    if number > 1 and rng.random() < 0.07:
        return [
            ev.RunEnded(experiment=number, run=1, outcome=Outcome.CODE_CRASH, seconds=12, at=end),
            ev.VerdictGiven(
                experiment=number, verdict=Verdict.CRASH, reason=text or "code crash", at=end
            ),
        ]
    gain = 0.0 if number == 1 else rng.gauss(-0.002, 0.0025)
    if rng.random() < 0.01:
        gain = -2.2
    value = best - sign * gain
    keep = number == 1 or gain > 0
    verdict = Verdict.KEEP if keep else Verdict.DISCARD
    happened: list[ev.AnyEvent] = [
        ev.RunEnded(experiment=number, run=1, outcome=Outcome.FINISHED, seconds=325.0, at=end),
        ev.Measured(
            experiment=number,
            run=1,
            measurement=ev.Measurement(metric=value, memory_gb=44.0 + rng.random()),
            at=end,
        ),
        ev.VerdictGiven(
            experiment=number,
            verdict=verdict,
            reason=text or ("better" if keep else "no better than the best"),
            gain=None if number == 1 else gain,
            at=end,
        ),
    ]
    if keep:
        happened.append(ev.FrontierAdvanced(experiment=number, commit=commit, at=end))
    return happened


def view_of(session: Session, *, text: str = "") -> View:
    """Return a view of the session with live samples."""
    current = session.current
    progress = None
    if current is not None:
        progress = Progress(
            experiment=current.number,
            run=1,
            phase=Phase.TRAINING,
            elapsed_seconds=151.0,
            share=0.443,
            step=402,
            loss=3.21,
        )
    gpu = GpuSample(
        index=0,
        name=text or "NVIDIA H100 80GB HBM3",
        utilisation_percent=98.0,
        memory_used_bytes=44 * 2**30,
        memory_total_bytes=80 * 2**30,
        power_watts=612.0,
        temperature_celsius=67.0,
        processes=((4121, 44 * 2**30), (99, 2 * 2**30)),
    )
    devices = MachineSample(
        gpus=(gpu,),
        gpu_note=text,
        cpu_percent=12.0,
        cores=26,
        load1=3.2,
        ram_used_bytes=30 * 2**30,
        ram_total_bytes=200 * 2**30,
        disk_free_bytes=400 * 2**30,
        run_processes=9,
        run_cpu_percent=140.0,
        run_rss_bytes=4 * 2**30,
    )
    return View(
        session=session,
        progress=progress,
        devices=devices,
        reasoning=text,
        now=session.at + timedelta(seconds=151),
    )


class Host(App[None]):
    """An app with only the widgets of a test."""

    CSS = "Screen { layout: vertical; } "

    def __init__(self, *widgets: Widget) -> None:
        super().__init__()
        self._widgets = widgets
        self.seen: list[object] = []

    def compose(self) -> ComposeResult:
        yield from self._widgets


def segments_of(widget: Widget) -> list[Segment]:
    """Return everything that a widget paints now."""
    size = widget.outer_size
    strips = widget.render_lines(Region(0, 0, size.width, size.height))
    return [segment for strip in strips for segment in strip]


def text_of(widget: Widget) -> str:
    """Return everything that a widget paints now, as lines of text."""
    size = widget.outer_size
    strips = widget.render_lines(Region(0, 0, size.width, size.height))
    return "\n".join(strip.text for strip in strips)


def punch(path: Path, start: int, length: int) -> None:
    """Punch a hole into a file; skip the test if the file system cannot do that."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "r+b") as file:
        result = libc.fallocate(
            file.fileno(), _PUNCH_HOLE_KEEP_SIZE, ctypes.c_long(start), ctypes.c_long(length)
        )
    if result:
        pytest.skip("this file system cannot punch holes")
