"""Runs real sessions on a script whose edits do nothing, under each keep rule, and counts keeps.

The script has six constants that change nothing and prints a value with σ = 0.005. Everything is
real: the engine, git, a process per run. Compare with `simulate_keep_rules.py`, which counts the
same with random numbers in place of runs. Takes minutes, so that `make bench` leaves it out.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import fmean

from benchmarks.figures import Figures, arguments
from benchmarks.processes import COMMAND, make_workspace, private_home
from engine.client.sessions import read_session
from engine.core.analysis.claim import claim_of
from engine.core.config import CONFIRM, GREEDY, MIN_DELTA
from engine.core.enums import Verdict

SIGMA = 0.005
TRAIN = f"""\
import random

MATRIX_LR = 0.04
EMBEDDING_LR = 0.6
SCALAR_LR = 0.5
WARMDOWN_RATIO = 0.5
WEIGHT_DECAY = 0.2
DEPTH = 8
print("---")
print(f"val_bpb: {{1.5 + random.gauss(0, {SIGMA}):.6f}}")
"""


def night(home: Path, rule: str, seed: int, experiments: int) -> tuple[int, float, int]:
    """Run one session; return its false keeps, its claimed gain in σ and its extra runs."""
    workspace = make_workspace(home / f"{rule}-{seed}", TRAIN)
    options = ["--rule", rule, "--min-delta", str(SIGMA), "--seed", str(seed), "--no-probe"]
    limits = ["--max", str(experiments + 1), "--tag", "n", "--early-stop", "off"]
    subprocess.run(
        [COMMAND, "run", str(workspace), "--headless", "--yes", *options, *limits],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    session = read_session(workspace, "n")
    keeps = sum(e.verdict is Verdict.KEEP for e in session.experiments) - 1
    claim = claim_of(session)
    runs = sum(len(e.runs) for e in session.experiments)
    claimed = claim.gain / SIGMA if claim is not None else 0.0
    return keeps, claimed, runs - len(session.experiments)


def main() -> int:
    """Run the sessions of all rules; return 0."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--experiments", type=int, default=60)
    options = parser.parse_args()
    seeds = 1 if options.quick else options.seeds
    experiments = 4 if options.quick else options.experiments
    figures = Figures(judge=False)
    with private_home() as home:
        for rule in (GREEDY, MIN_DELTA, CONFIRM):
            nights = [night(home, rule, seed, experiments) for seed in range(1, seeds + 1)]
            keeps, claims, extra = zip(*nights, strict=True)
            shown = f"{rule}, {seeds} sessions of {experiments} edits without effect"
            figures.show(f"{shown}: false keeps per session", fmean(keeps), "keeps")
            figures.show(f"{shown}: false keeps", 100 * fmean(keeps) / experiments, "%")
            figures.show(f"{shown}: claimed gain", fmean(claims), "σ")
            figures.show(f"{shown}: runs beyond the first ones", fmean(extra), "runs")
    return figures.exit_code


if __name__ == "__main__":
    sys.exit(main())
