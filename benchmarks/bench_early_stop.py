"""Replays recorded loss curves through the rule of `--early-stop kill`: time saved, keeps lost.

    python benchmarks/bench_early_stop.py

`benchmarks/curves/` holds the curves of sessions of the bundled harness, each a list of its
finished experiments: number, incumbent, whether it was kept, metric, and the loss over the share of
the budget. The runs are judged in their order, each by the finished runs before it; one that is
stopped says nothing about later ones. The number of curves (8) and the certainty (98 %) that the
rule asks for were chosen on the first four sets, so only `random-3` is a test of them. The floor is
what one would save who knew the outcome and stopped each run that is not kept at the first check.
"""

from __future__ import annotations

import gzip
import sys
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.figures import Figures, arguments
from engine.core.curves.comparison import FinishedCurve
from engine.core.curves.curve import Track
from engine.core.curves.early_stop import CHECKS, Evidence

CURVES = Path(__file__).parent / "curves"


class Recorded(msgspec.Struct, frozen=True):
    """A finished experiment of a recorded session."""

    number: int
    against: int | None
    kept: bool
    metric: float
    shares: list[float]
    losses: list[float]

    @property
    def track(self) -> Track:
        """The loss curve of its run."""
        return Track(self.shares, self.losses)


class Outcome(NamedTuple):
    """What the rule did to the runs of one session."""

    runs: int
    keeps: int
    stopped: list[int]
    lost: list[int]
    """The stopped experiments that were kept in the recorded session."""
    saved: float
    """The share of the training time of all runs that was saved."""


def read_curves(path: Path) -> list[Recorded]:
    """Return the finished experiments of a recorded session, in their order."""
    return msgspec.json.decode(gzip.decompress(path.read_bytes()), type=list[Recorded])


def replay(recorded: list[Recorded]) -> Outcome:
    """Judge the runs of a session in their order, and stop those that the rule finds hopeless."""
    tracks = {each.number: each.track for each in recorded}
    finished: list[FinishedCurve] = []
    stopped: list[int] = []
    lost: list[int] = []
    saved = 0.0
    for each in recorded:
        reference = None if each.against is None else tracks.get(each.against)
        if reference is None:
            continue
        share = stop_at(tracks[each.number], reference, Evidence(finished))
        if share is None:
            finished.append(FinishedCurve(each.number, tracks[each.number], reference, each.kept))
            continue
        saved += 1 - share
        stopped.append(each.number)
        if each.kept:
            lost.append(each.number)
    keeps = sum(each.kept for each in recorded)
    return Outcome(len(recorded), keeps, stopped, lost, saved / len(recorded))


def stop_at(track: Track, reference: Track, evidence: Evidence) -> float | None:
    """Return the share of the budget at which a run is stopped; None where it is not."""
    for check in CHECKS:
        seen = bisect_right(track.positions, check) + 1
        live = Track(track.positions[:seen], track.losses[:seen])
        if live.end >= check and evidence.judge(live, reference) is not None:
            return check
    return None


def main() -> int:
    """Print what the rule does to each recorded session."""
    options = arguments(__doc__).parse_args()
    figures = Figures(judge=not options.quick)
    saved = runs = lost = known = 0.0
    for path in sorted(CURVES.glob("*.json.gz")):
        found = replay(read_curves(path))
        name = f"{path.name.removesuffix('.json.gz')}, {found.runs} runs, {found.keeps} keeps"
        figures.show(f"{name}: stopped", len(found.stopped), "runs")
        figures.show(f"{name}: training time saved", 100 * found.saved, "%")
        figures.show(f"{name}: keeps lost", len(found.lost), "keeps", at_most=0)
        saved += found.saved * found.runs
        known += (1 - CHECKS[0]) * (found.runs - found.keeps)
        runs, lost = runs + found.runs, lost + len(found.lost)
    figures.show("all: training time saved", 100 * saved / runs, "%", at_least=25)
    figures.show("all: keeps lost", lost, "keeps", at_most=0)
    figures.ratio("time saved", saved, known)
    return figures.exit_code


if __name__ == "__main__":
    sys.exit(main())
