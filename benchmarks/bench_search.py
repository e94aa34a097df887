"""Compares the search agent with random search, on a problem shaped like the real one.

    python benchmarks/bench_search.py [--seeds 24] [--experiments 60] [--policies bandit,tpe]
    python benchmarks/bench_search.py --harness 12     # the bundled harness itself, slow

Each policy drives the greedy ratchet in memory through the agent's public contract, from the same
untuned start and with the same noise. Lower is better. Random search comes in two forms: single
steps from the frontier (`random`), and whole vectors drawn from the whole space (`random-global`).
The floor of the time per proposal is that of `random`.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figures, arguments
from engine.agents.base import Attempt, Briefing, Draft
from engine.agents.search import SearchAgent
from engine.agents.search_space import Space
from engine.core.config import ResearchConfig
from engine.core.enums import Outcome, Verdict
from engine.core.patches.knobs import KnobKind, find_knobs

Objective = Callable[[str], tuple[float | None, Outcome]]
"""A function that runs the source of a training file; it returns the metric and the outcome.

The metric is None if the run crashed.
"""

START = """\
ASPECT_RATIO = 40        # width = depth * ASPECT_RATIO
HEAD_DIM = 64            # target head dimension
WINDOW_PATTERN = "SSSL"  # L=full, S=half context
TOTAL_BATCH_SIZE = 2**16 # tokens per optimizer step
EMBEDDING_LR = 0.2       # learning rate (Adam)
UNEMBEDDING_LR = 0.02    # learning rate (Adam)
MATRIX_LR = 0.01         # learning rate (Muon)
WEIGHT_DECAY = 0.02      # cautious weight decay
ADAM_BETAS = (0.9, 0.999)  # Adam beta1, beta2
WARMUP_RATIO = 0.2       # fraction of budget
WARMDOWN_RATIO = 0.2     # fraction of budget
FINAL_LR_FRAC = 0.0      # final LR as a share
DEPTH = 6                # layers
DEVICE_BATCH_SIZE = 16   # rows per pass
SEED = 42
"""
NOISE = 0.0005
"""Standard deviation of the metric of one run; a well-chosen step typically gains ten times it."""
SECONDS_AIMS = {"bandit": 6.0, "tpe": 40.0}
"""By policy, the most processor time per proposal, as a multiple of that of `random`."""


class Synthetic:
    """A synthetic training problem: the metric is a function of the knobs in the source and noise.

    It has bowls in the logarithm of the learning rates that shift with the batch, a trade-off of
    size against steps in a fixed time, mild ratios, a limit of memory, and a best window pattern.

    Args:
        seed: Determines the jitter of the optima, and the noise.
    """

    def __init__(self, seed: int) -> None:
        place = random.Random(f"place {seed}")
        self._shift = [place.uniform(-0.7, 0.7) for _ in range(16)]
        self._noise = random.Random(f"noise {seed}")

    def true_value(self, source: str) -> float | None:
        """Return the metric of a source without noise; None where the run would crash."""
        v = {k.name: k.value for k in find_knobs(source)}
        s = self._shift
        num = {name: float(x) for name, x in v.items() if isinstance(x, int | float)}
        batch = math.log2(num["TOTAL_BATCH_SIZE"])
        depth, width = num["DEPTH"], num["DEPTH"] * num["ASPECT_RATIO"]
        size = math.log2(depth * width * width)
        if size + math.log2(num["DEVICE_BATCH_SIZE"]) > 25.3:
            return None
        if num["TOTAL_BATCH_SIZE"] % (num["DEVICE_BATCH_SIZE"] * 1024):
            return None
        bowl = 0.0
        for name, best, weight in (
            ("EMBEDDING_LR", 0.6, 0.0025),
            ("UNEMBEDDING_LR", 0.004, 0.0025),
            ("MATRIX_LR", 0.04, 0.006),
            ("WEIGHT_DECAY", 0.1, 0.0015),
        ):
            moved = s[len(name) % 16] + (0.35 * (batch - 18) if "LR" in name else 0.0)
            bowl += _soft(math.log2(max(num[name], 1e-9) / best) - moved, weight)
        bowl += _soft(batch - 17.5 - s[1], 0.006)
        bowl += _soft(1.4 * (size - 19.5 - 1.5 * s[2]), 0.006)
        bowl += _soft(math.log2(depth / 8) * 2 - s[3], 0.003)
        bowl += _soft(math.log2(num["HEAD_DIM"] / 128) - s[4], 0.0012)
        bowl += 0.10 * (num["WARMUP_RATIO"] - 0.03) ** 2 + 0.04 * (num["FINAL_LR_FRAC"] - 0.05) ** 2
        bowl += 0.06 * (num["WARMDOWN_RATIO"] - 0.6 - 0.15 * s[5]) ** 2
        betas = v["ADAM_BETAS"]
        assert isinstance(betas, tuple)
        bowl += _soft(math.log2((1 - float(betas[0])) / 0.2) - s[6], 0.001)
        bowl += _soft(math.log2(max(1 - float(betas[1]), 1e-5) / 0.04) - s[7], 0.0006)
        pattern = str(v["WINDOW_PATTERN"])
        bowl += 0.004 * abs(pattern.count("L") / len(pattern) - (0.5 if s[8] > 0 else 0.25))
        speed = _soft(math.log2(num["DEVICE_BATCH_SIZE"] / 64), 0.002)
        return 0.95 + bowl + speed

    def __call__(self, source: str) -> tuple[float | None, Outcome]:
        value = self.true_value(source)
        if value is None:
            return None, Outcome.OUT_OF_MEMORY
        return value + self._noise.gauss(0.0, NOISE), Outcome.FINISHED


def _soft(distance: float, weight: float) -> float:
    """Return a penalty: a bowl near 0 that flattens into a cone far out, as losses do."""
    return weight * (math.sqrt(1.0 + distance * distance) - 1.0) * 2.0


def ratchet(
    policy: str, objective: Objective, start: str, experiments: int, seed: int
) -> tuple[str, list[float], float]:
    """Run the greedy ratchet in memory with the search agent: keep each source that improves.

    Args:
        policy: The search agent's policy.
        objective: Evaluates a source.
        start: The source of the baseline.
        experiments: The number of evaluations, the baseline included.
        seed: The seed of the agent.

    Returns:
        The final source, the best measured value after each run, and the agent's processor seconds.
    """
    config = ResearchConfig(seed=seed, policy=policy)
    agent = SearchAgent(policy, seed)
    best, outcome = objective(start)
    assert best is not None
    first = Draft(source=start, hypothesis="baseline")
    history = [_attempt(1, "c0", first, Verdict.KEEP, outcome, best, None)]
    source, base, seconds, curve = start, "c1", 0.0, [best]
    for number in range(2, experiments + 1):
        briefing = Briefing(
            number=number, source=source, base=base, program="", config=config,
            platform=None, history=tuple(history),
        )  # fmt: skip
        began = time.process_time()
        draft = asyncio.run(_draft(agent, briefing))
        seconds += time.process_time() - began
        metric, outcome = objective(draft.source)
        kept = metric is not None and metric < best
        verdict = Verdict.KEEP if kept else Verdict.CRASH if metric is None else Verdict.DISCARD
        gain = None if metric is None else best - metric
        history.append(_attempt(number, base, draft, verdict, outcome, metric, gain))
        if kept and metric is not None:
            source, base, best = draft.source, f"c{number}", metric
        curve.append(best)
    return source, curve, seconds


def _attempt(
    number: int, base: str, draft: Draft, verdict: Verdict, outcome: Outcome,
    metric: float | None, gain: float | None,
) -> Attempt:  # fmt: skip
    return Attempt(
        number=number, base=base, commit=f"c{number}", hypothesis=draft.hypothesis,
        category=draft.category, verdict=verdict, outcome=outcome, metric=metric, gain=gain,
        patch_id=f"p{number}", knobs=draft.knobs,
    )  # fmt: skip


async def _draft(agent: SearchAgent, briefing: Briefing) -> Draft:
    async for item in agent.propose(briefing):
        if isinstance(item, Draft):
            return item
    raise RuntimeError("the agent ended without a draft")


def random_global(objective: Objective, start: str, experiments: int, seed: int) -> str:
    """Run classic random search, each knob drawn from its whole range; return the best source.

    Args:
        objective: Evaluates a source.
        start: The source of the baseline.
        experiments: The number of evaluations, the baseline included.
        seed: The seed of the draws.
    """
    rng = random.Random(f"global {seed}")
    space = Space.of(start)
    best, _ = objective(start)
    assert best is not None
    source = start
    for _ in range(experiments - 1):
        move = []
        for key, axis in space.axes.items():
            if axis.kind is KnobKind.ENUM:
                move.append((key, rng.choice(axis.knob.parts[axis.index].choices)))
            else:
                move.append((key, axis.at(rng.uniform(*axis.reach))))
        drawn = space.apply(tuple(move))
        metric, _ = objective(drawn)
        if metric is not None and metric < best:
            source, best = drawn, metric
    return source


def synthetic_finals(policy: str, seeds: int, experiments: int) -> tuple[list[float], float]:
    """Run a policy on the synthetic problem once for each seed.

    Returns:
        Each seed's final value without noise, and the agent's processor seconds per proposal, which
        are 0 for `random-global`.
    """
    finals, seconds = [], 0.0
    for seed in range(seeds):
        objective = Synthetic(seed)
        if policy == "random-global":
            source = random_global(objective, START, experiments, seed)
        else:
            source, _, spent = ratchet(policy, objective, START, experiments, seed)
            seconds += spent
        value = objective.true_value(source)
        assert value is not None
        finals.append(value)
    return finals, seconds / max(seeds * (experiments - 1), 1)


def _mean(values: list[float]) -> str:
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.5f} ± {error:.5f}"


def _wins(a: list[float], b: list[float]) -> float:
    return 100 * sum(x < y for x, y in zip(a, b, strict=True)) / len(a)


def bench_synthetic(figures: Figures, policies: list[str], seeds: int, experiments: int) -> None:
    """Compare the policies on the synthetic problem, and show their results and processor time.

    Args:
        figures: Prints the figures and judges them by their aims.
        policies: The policies to compare; `random-global` is one that uses no agent.
        seeds: The number of problems that each policy solves.
        experiments: The number of experiments on each.
    """
    starts = [Synthetic(seed).true_value(START) for seed in range(seeds)]
    print(f"start: {_mean([x for x in starts if x is not None])} val_bpb ({seeds} seeds)")
    results, seconds = dict[str, list[float]](), dict[str, float]()
    for policy in policies:
        results[policy], seconds[policy] = synthetic_finals(policy, seeds, experiments)
        print(f"{policy} final best: {_mean(results[policy])} val_bpb (n={experiments})")
        if policy != "random-global":
            figures.show(f"{policy} processor time per proposal", 1000 * seconds[policy], "ms")
    for policy, aim in SECONDS_AIMS.items():
        if policy in seconds and "random" in seconds:
            name = f"{policy} processor time per proposal"
            figures.ratio(name, seconds[policy], seconds["random"], at_most=aim)
        for control in ("random", "random-global"):
            if policy in results and control in results:
                share = _wins(results[policy], results[control])
                figures.show(f"{policy} beats {control}", share, "% of seeds", at_least=80)
    if "bandit" in results and "tpe" in results:
        share = _wins(results["bandit"], results["tpe"])
        figures.show("bandit beats tpe", share, "% of seeds", at_least=50)


def bench_harness(policies: list[str], experiments: int, budget: float) -> None:
    """Compare the policies on the bundled harness, with real training; print their results.

    Args:
        policies: The policies to compare; `random-global` is skipped.
        experiments: The number of experiments of each policy.
        budget: Seconds of each experiment.
    """
    harness = Path(__file__).resolve().parents[1] / "harness"
    with tempfile.TemporaryDirectory(prefix="bench-search-") as folder:
        place = Path(folder) / "w"
        shutil.copytree(harness, place)
        environment = dict(os.environ, AUTORESEARCH_TIME_BUDGET=str(budget))
        subprocess.run([sys.executable, "prepare.py"], cwd=place, env=environment, check=False)
        start = (place / "train.py").read_text(encoding="utf-8")

        def train(source: str) -> tuple[float | None, Outcome]:
            (place / "train.py").write_text(source, encoding="utf-8")
            run = subprocess.run(
                [sys.executable, "train.py"],
                cwd=place,
                env=environment,
                timeout=600,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
            found = re.findall(r"^val_bpb:\s*([\d.]+)\s*$", run.stdout, re.MULTILINE)
            if run.returncode or not found:
                return None, Outcome.CODE_CRASH
            return float(found[-1]), Outcome.FINISHED

        for policy in policies:
            if policy != "random-global":
                _, curve, _ = ratchet(policy, train, start, experiments, 0)
                print(
                    f"harness {policy}: {curve[0]:.4f} -> {curve[-1]:.4f} val_bpb "
                    f"(n={experiments}, {budget:g} s each)"
                )


def main() -> int:
    """Compare the policies and print the figures; return 0 if they meet their aims, else 1."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--experiments", type=int, default=60)
    parser.add_argument("--policies", default="random,random-global,bandit,tpe")
    parser.add_argument(
        "--harness", type=int, default=0, metavar="N", help="N real experiments of each policy"
    )
    parser.add_argument(
        "--budget", type=float, default=8.0, help="seconds of each experiment with --harness"
    )
    options = parser.parse_args()
    policies = options.policies.split(",")
    figures = Figures(judge=not options.quick)
    if options.harness:
        bench_harness(policies, options.harness, options.budget)
    elif options.quick:
        bench_synthetic(figures, policies, seeds=2, experiments=8)
    else:
        bench_synthetic(figures, policies, options.seeds, options.experiments)
    return figures.exit_code


if __name__ == "__main__":
    sys.exit(main())
