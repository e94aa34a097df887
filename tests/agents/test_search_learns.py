"""The search agent learns: it follows success, names its evidence and beats random steps."""

from __future__ import annotations

import math
import random

import pytest

from engine.core.enums import Direction, Outcome
from tests.agents.memory_ratchet import SOURCE, Ratchet, Result, draft, values, worse


def test_success_is_followed_and_named() -> None:
    ratchet = Ratchet("bandit", "MATRIX_LR = 0.01\nOTHER_LR = 0.1\nWEIGHT_DECAY = 0.2\n")

    def objective(source: str) -> Result:
        now = values(source)
        others = abs(math.log(now["OTHER_LR"] / 0.1)) + abs(math.log(now["WEIGHT_DECAY"] / 0.2))
        return 1 + 0.01 * abs(math.log(now["MATRIX_LR"] / 0.16)) + 0.02 * others, Outcome.FINISHED

    ratchet.best = objective(ratchet.source)[0] or 0.0
    drafts = [ratchet.turn(objective) for _ in range(20)]
    assert 0.08 < values(ratchet.source)["MATRIX_LR"] < 0.32
    followed = [d for d in drafts if "so one more" in d.hypothesis]
    assert followed
    assert any("#" in d.rationale and "kept" in d.rationale for d in followed)
    assert any("standard deviation" in d.expected for d in followed)


def test_thoughts_name_the_search_and_its_leaders() -> None:
    ratchet = Ratchet("bandit")
    for _ in range(3):
        ratchet.turn(worse)
    thoughts, last = draft(ratchet.agent, ratchet.briefing)
    assert thoughts[0].startswith("Statistical search (bandit) over 12 knobs of train.py")
    assert "3 results so far: 0 kept, 0 crashed" in thoughts[1]
    assert any(text.startswith("1. ") for text in thoughts)
    assert thoughts[-1] == f"Choice: {last.hypothesis}\n"


def bowl(source: str) -> float:
    now = values(source)
    lost: float = abs(math.log2(now["MATRIX_LR"] / 0.01)) + abs(
        math.log2(now["EMBEDDING_LR"] / 0.1)
    )
    lost += abs(math.log2(now["TOTAL_BATCH_SIZE"]) - 17) + abs(now["DEPTH"] - 12) / 2
    lost += 5 * abs(now["WARMDOWN_RATIO"] - 0.9)
    return 1 + 0.01 * lost


def final(policy: str, seed: int, experiments: int) -> float:
    ratchet = Ratchet(policy, seed=seed)
    noise = random.Random(seed)
    ratchet.best = bowl(SOURCE)
    for _ in range(experiments):
        ratchet.turn(lambda source: (bowl(source) + noise.gauss(0, 0.0005), Outcome.FINISHED))
    return bowl(ratchet.source)


def test_the_bandit_beats_random_steps() -> None:
    seeds = range(6)
    ours = [final("bandit", seed, 20) for seed in seeds]
    control = [final("random", seed, 20) for seed in seeds]
    assert sum(ours) / 6 < sum(control) / 6 - 0.03


def test_the_direction_of_the_metric_counts_for_tpe() -> None:
    pytest.importorskip("optuna")
    from engine.agents.search_record import Record
    from engine.agents.search_space import Space
    from engine.agents.search_tpe import _scored

    ratchet = Ratchet("tpe")
    for metric in (0.9, 1.1, None):
        ratchet.record(ratchet.draft(), (metric, Outcome.FINISHED))
    record = Record.of(ratchet.briefing, Space.of(ratchet.source))
    down, up = (
        {trial.number: worth for trial, worth in _scored(record, towards)} for towards in Direction
    )
    assert down[2] > down[1] > down[3] > down[4]
    assert up[3] > up[1] > up[2] > up[4]
