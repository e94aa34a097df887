"""A greedy ratchet in memory: drives an agent through its public contract."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from engine.agents.base import Attempt, Briefing, Draft, Thought
from engine.agents.search import make
from engine.core.config import ResearchConfig
from engine.core.enums import Outcome, Verdict
from engine.core.patches.knobs import find_knobs

SOURCE = """\
DEPTH = 8                # layers
ASPECT_RATIO = 64        # width = depth * this
WINDOW_PATTERN = "SSSL"  # L=full, S=half context
TOTAL_BATCH_SIZE = 2**19 # tokens per optimizer step
DEVICE_BATCH_SIZE = 128  # rows
MATRIX_LR = 0.04         # Muon
EMBEDDING_LR = 0.6       # Adam
WEIGHT_DECAY = 0.2
ADAM_BETAS = (0.8, 0.95) # Adam beta1, beta2
WARMUP_RATIO = 0.0
WARMDOWN_RATIO = 0.5
SEED = 42
H100_BF16_PEAK_FLOPS = 989.5e12
"""

Result = tuple[float | None, Outcome]


class Ratchet:
    """A greedy ratchet in memory around the agent's public contract."""

    def __init__(self, policy: str, source: str = SOURCE, seed: int = 0) -> None:
        self.config = ResearchConfig(policy=policy, seed=seed)
        self.agent = make(self.config)
        self.source, self.base, self.best = source, "c1", 1.0
        self.history = [
            Attempt(
                number=1,
                base="c0",
                commit="c1",
                hypothesis="baseline",
                category="other",
                verdict=Verdict.KEEP,
                outcome=Outcome.FINISHED,
                metric=1.0,
                gain=None,
                patch_id="",
            )
        ]

    @property
    def briefing(self) -> Briefing:
        return Briefing(
            number=len(self.history) + 1,
            source=self.source,
            base=self.base,
            program="",
            config=self.config,
            platform=None,
            history=tuple(self.history),
        )

    def draft(self) -> Draft:
        return draft(self.agent, self.briefing)[1]

    def record(self, drafted: Draft, result: Result) -> Verdict:
        metric, outcome = result
        number = len(self.history) + 1
        kept = metric is not None and metric < self.best
        verdict = Verdict.KEEP if kept else Verdict.DISCARD if metric else Verdict.CRASH
        self.history.append(
            Attempt(
                number=number,
                base=self.base,
                commit=f"c{number}",
                hypothesis=drafted.hypothesis,
                category=drafted.category,
                verdict=verdict,
                outcome=outcome,
                metric=metric,
                gain=None if metric is None else self.best - metric,
                patch_id=f"p{number}",
                knobs=drafted.knobs,
            )
        )
        if kept and metric is not None:
            self.source, self.base, self.best = drafted.source, f"c{number}", metric
        return verdict

    def turn(self, objective: Callable[[str], Result]) -> Draft:
        drafted = self.draft()
        self.record(drafted, objective(drafted.source))
        return drafted


def draft(agent: Any, briefing: Briefing) -> tuple[list[str], Draft]:
    async def gather() -> list[Thought | Draft]:
        return [item async for item in agent.propose(briefing)]

    *thoughts, last = asyncio.run(gather())
    assert isinstance(last, Draft)
    texts = [item.text for item in thoughts if isinstance(item, Thought)]
    assert len(texts) == len(thoughts)
    return texts, last


def values(source: str) -> dict[str, Any]:
    return {k.name: k.value for k in find_knobs(source)}


def worse(_: str) -> Result:
    return 1.01, Outcome.FINISHED
