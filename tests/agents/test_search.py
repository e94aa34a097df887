"""The search agent makes focused, reproducible proposals without repetition, or says why not."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import importlib
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from engine.agents.base import Agent, Briefing, Draft, Pending, PromptPreview, Veto
from engine.agents.search import SearchAgent, make
from engine.core.config import ResearchConfig
from engine.core.enums import Outcome
from engine.core.errors import AgentError, AllInQuestionError
from tests.agents.memory_ratchet import SOURCE, Ratchet, Result, draft, values, worse

POLICIES = ["bandit", "tpe", "random"]


@pytest.fixture(autouse=True)
def _optuna(request: pytest.FixtureRequest) -> None:
    params = getattr(request.node, "callspec", None)
    if params is not None and params.params.get("policy") == "tpe":
        pytest.importorskip("optuna")


@pytest.mark.parametrize("policy", POLICIES)
def test_a_draft_is_one_focused_change_that_compiles(policy: str) -> None:
    ratchet = Ratchet(policy)
    noise = random.Random(1)
    for _ in range(12 if policy == "tpe" else 25):
        before = values(ratchet.source)
        drafted = ratchet.turn(lambda _: (1.0 + noise.gauss(0.002, 0.003), Outcome.FINISHED))
        after = values(drafted.source)
        changed = {name for name in before if before[name] != after[name]}
        assert changed == set(drafted.knobs) and 1 <= len(changed) <= 2
        ast.parse(drafted.source)
        assert not changed & {"SEED", "H100_BF16_PEAK_FLOPS"}
        assert drafted.source.count("\n") == SOURCE.count("\n")
        assert "# tokens per optimizer step" in drafted.source
        for name, (_, new) in drafted.knobs.items():
            assert f"{name} = {new}" in drafted.source
            assert name in drafted.hypothesis and "→" in drafted.hypothesis
        assert "no language model" in drafted.rationale


@pytest.mark.parametrize("turns", [60, pytest.param(200, marks=pytest.mark.torture)])
@pytest.mark.parametrize("policy", ["bandit", "random"])
def test_no_proposal_repeats_on_one_frontier(policy: str, turns: int) -> None:
    ratchet = Ratchet(policy)
    seen = {SOURCE}
    for _ in range(turns):
        source = ratchet.turn(worse).source
        assert source not in seen
        seen.add(source)


def test_tpe_repeats_no_proposal_on_one_frontier() -> None:
    pytest.importorskip("optuna")
    ratchet = Ratchet("tpe")
    noise = random.Random(2)
    sources = [
        ratchet.turn(lambda _: (1.01 + noise.random() / 50, Outcome.FINISHED)).source
        for _ in range(15)
    ]
    assert len({*sources, SOURCE}) == 16


def test_never_back_to_what_an_earlier_frontier_measured() -> None:
    ratchet = Ratchet("bandit", "MATRIX_LR = 0.04\nWEIGHT_DECAY = 0.2\n")
    noise = random.Random(3)
    seen = {ratchet.source}
    for _ in range(40):
        source = ratchet.turn(lambda _: (ratchet.best + noise.gauss(0, 1), Outcome.FINISHED)).source
        assert source not in seen
        seen.add(source)


@pytest.mark.parametrize("policy", POLICIES)
def test_same_history_same_draft_after_a_restart(policy: str) -> None:
    ratchet = Ratchet(policy)
    for _ in range(12):
        ratchet.turn(
            lambda source: (1.0 + (zlib.crc32(source.encode()) % 7 - 3) / 1000, Outcome.FINISHED)
        )
    first = draft(ratchet.agent, ratchet.briefing)
    assert draft(make(ratchet.config), ratchet.briefing) == first
    assert draft(ratchet.agent, ratchet.briefing) == first


def test_another_seed_another_order() -> None:
    drafts = {Ratchet("bandit", seed=seed).draft().source for seed in range(6)}
    assert len(drafts) > 1


@pytest.mark.parametrize("policy", POLICIES)
def test_batch_sizes_stay_divisible(policy: str) -> None:
    source = "TOTAL_BATCH_SIZE = 2**11\nDEVICE_BATCH_SIZE = 8\nMATRIX_LR = 0.04\n"
    ratchet = Ratchet(policy, source)
    noise = random.Random(4)
    for _ in range(20):
        drafted = ratchet.turn(lambda _: (1 + noise.gauss(0, 0.01), Outcome.FINISHED))
        now = values(drafted.source)
        assert now["TOTAL_BATCH_SIZE"] % (now["DEVICE_BATCH_SIZE"] * 256) == 0
        for name in ("TOTAL_BATCH_SIZE", "DEVICE_BATCH_SIZE"):
            assert now[name] & (now[name] - 1) == 0
        assert "TOTAL_BATCH_SIZE = 2**" in drafted.source


def test_a_crash_bounds_its_direction() -> None:
    ratchet = Ratchet("bandit", "DEPTH = 8\nMATRIX_LR = 0.04\nWEIGHT_DECAY = 0.2\n")
    noise = random.Random(5)

    def objective(source: str) -> Result:
        if values(source)["DEPTH"] > 9:
            return None, Outcome.OUT_OF_MEMORY
        return ratchet.best + noise.gauss(0.01, 0.005), Outcome.FINISHED

    crashed: list[int] = []
    after: set[int] = set()
    for _ in range(60):
        if crashed:
            after.add(values(ratchet.draft().source)["DEPTH"])
        depth = values(ratchet.turn(objective).source)["DEPTH"]
        assert not crashed or depth < min(crashed)
        if depth > 9:
            crashed.append(depth)
    assert 1 <= len(crashed) <= 2
    assert min(after) < 8, "the other way stays open"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("SEED = 42\nx = 1\n", "nothing to search"),
        ("def (:\n", "not valid Python"),
        ("", "nothing to search"),
    ],
)
def test_a_file_without_knobs_is_an_error_with_a_reason(source: str, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        Ratchet("bandit", source).draft()


@pytest.mark.parametrize("policy", ["bandit", "random"])
def test_it_ends_when_all_is_tried(policy: str) -> None:
    ratchet = Ratchet(policy, "USE_ROPE = True\nACT = 'a'  # a | b\n")
    for _ in range(3):
        ratchet.turn(worse)
    with pytest.raises(AgentError, match=r"has been tried.*End the session"):
        ratchet.draft()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_knob_in_question_is_left_alone_until_the_question_is_answered(policy: str) -> None:
    ratchet = Ratchet(policy)
    for _ in range(5):  # TPE begins after four results
        ratchet.turn(worse)
    asked: list[Pending] = []
    for number in range(100, 104):
        briefing = dataclasses.replace(ratchet.briefing, pending=tuple(asked))
        knobs = draft(ratchet.agent, briefing)[1].knobs
        assert not any(knobs.keys() & waiting.knobs.keys() for waiting in asked)
        asked.append(pending(number, knobs, in_question=True))


def pending(number: int, knobs: dict[str, tuple[str, str]], *, in_question: bool) -> Pending:
    return Pending(
        number=number,
        base="c1",
        hypothesis="h",
        category="other",
        patch_id="",
        knobs=knobs,
        in_question=in_question,
    )


@pytest.mark.parametrize("policy", ["bandit", "random"])
def test_with_all_knobs_in_question_it_waits_for_the_answers(policy: str) -> None:
    ratchet = Ratchet(policy, "USE_ROPE = True\nACT = 'a'  # a | b\n")
    knobs = {"USE_ROPE": ("True", "False"), "ACT": ("'a'", "'b'")}
    briefing = dataclasses.replace(ratchet.briefing, pending=(pending(2, knobs, in_question=True),))
    with pytest.raises(AllInQuestionError, match="1 proposal with such knobs"):
        draft(ratchet.agent, briefing)
    assert "in question" in preview(ratchet.agent, briefing)
    # One that runs, or will without a question, rules out nothing but itself.
    briefing = dataclasses.replace(
        ratchet.briefing, pending=(pending(2, knobs, in_question=False),)
    )
    assert draft(ratchet.agent, briefing)[1].knobs != knobs


@pytest.mark.parametrize("policy", ["bandit", "random"])
def test_a_vetoed_change_is_not_proposed_together_with_another_either(policy: str) -> None:
    ratchet = Ratchet(policy, "USE_ROPE = True\nACT = 'a'  # a | b\n")
    veto = Veto(
        hypothesis="h",
        reason="no",
        patch="",
        patch_id="",
        knobs={"USE_ROPE": ("True", "False")},
    )
    briefing = dataclasses.replace(ratchet.briefing, vetoes=(veto,))
    assert draft(ratchet.agent, briefing)[1].knobs == {"ACT": ("'a'", "'b'")}
    ratchet.turn(worse)
    while ratchet.history[-1].knobs.keys() != {"ACT"}:
        ratchet.turn(worse)
    briefing = dataclasses.replace(ratchet.briefing, vetoes=(veto,))
    with pytest.raises(AgentError, match="has been tried"):
        draft(ratchet.agent, briefing)


def test_foreign_attempts_do_no_harm() -> None:
    ratchet = Ratchet("bandit")
    odd: dict[str, tuple[str, str]] = {
        "GONE": ("1", "2"),
        "ADAM_BETAS": ("0.9", "0.8"),
        "DEPTH": ("f(x)", ")("),
        "MATRIX_LR": ("'x'", "0.1"),
    }
    ratchet.record(Draft(source=SOURCE, hypothesis="", knobs=odd), (1.2, Outcome.FINISHED))
    ratchet.record(Draft(source=SOURCE, hypothesis="", knobs={}), (0.9, Outcome.FINISHED))
    ratchet.record(Draft(source=SOURCE, hypothesis="", knobs={}), (None, Outcome.NAN))
    assert ratchet.draft().knobs


def test_policy_names_are_checked() -> None:
    with pytest.raises(AgentError, match="no policy 'guess'"):
        SearchAgent("guess")


def test_missing_optuna_is_said_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def missing(name: str, package: str | None = None) -> Any:
        if name == "optuna":
            raise ModuleNotFoundError("No module named 'optuna'")
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(AgentError, match=r"autoresearch-tui\[optuna\]"):
        make(ResearchConfig(policy="tpe"))
    assert make(ResearchConfig(policy="bandit")).name == "search"


def test_the_bundled_training_file() -> None:
    path = Path(__file__).parents[2] / "harness" / "train.py"
    if not path.exists():
        pytest.skip("the harness is not there")
    ratchet = Ratchet("bandit", path.read_text(encoding="utf-8"))
    for _ in range(10):
        drafted = ratchet.turn(worse)
        assert 1 <= len(drafted.knobs) <= 2


def preview(agent: Agent, briefing: Briefing) -> str:
    assert isinstance(agent, PromptPreview)
    return asyncio.run(agent.preview(briefing))


@pytest.mark.parametrize("policy", POLICIES)
def test_the_preview_shows_the_choice_and_its_evidence(policy: str) -> None:
    ratchet = Ratchet(policy)
    for _ in range(6):
        ratchet.turn(worse)
    briefing = dataclasses.replace(ratchet.briefing, banned=("leave DEPTH alone",))
    told = preview(ratchet.agent, briefing)
    assert draft(ratchet.agent, briefing)[1].hypothesis in told
    assert "leave DEPTH alone" in told and "reads no words" in told
    for attempt in ratchet.briefing.history[1:]:
        assert f"#{attempt.number} " in told and all(name in told for name in attempt.knobs)


def test_the_preview_says_when_everything_was_tried() -> None:
    ratchet = Ratchet("bandit", "FLAG = True\n")
    ratchet.turn(worse)
    assert "has been tried" in preview(ratchet.agent, ratchet.briefing)
