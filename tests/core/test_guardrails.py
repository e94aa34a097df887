"""Guardrails are parsed, and the figures of a run are held against them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.breaches import figure_of, figures_text, find_breaches, missing_figures
from engine.core.config import ResearchConfig, settings
from engine.core.config_toml import parse_config, render_config
from engine.core.enums import Direction, Verdict
from engine.core.events import Measurement
from engine.core.guardrail import Guardrail, guardrails_mismatch, parse_guardrail
from engine.core.verdict import decide_breach

FIGURES = {"peak_vram_mb": "41,200.5", "Depth": "8", "note": "fine", "loss": "nan", "toks": "900"}
RUN = Measurement(
    metric=1.0,
    memory_gb=40.2,
    training_seconds=20.0,
    tokens_millions=2.0,
    summary=FIGURES,
)


@pytest.mark.parametrize(
    ("text", "guard"),
    [
        ("peak_vram_mb <= 39000", Guardrail("peak_vram_mb", "<=", 39000.0, False)),
        ("tokens_per_second>=0.95x", Guardrail("tokens_per_second", ">=", 0.95, True)),
        ("  val loss < 3.5e-1 ", Guardrail("val loss", "<", 0.35, False)),
        ("a/b.c-d > -1", Guardrail("a/b.c-d", ">", -1.0, False)),
        ("x ≤ 39_000", Guardrail("x", "<=", 39000.0, False)),
        ("x ≥ 1.0 ×", Guardrail("x", ">=", 1.0, True)),
        ("x2x >= .5x", Guardrail("x2x", ">=", 0.5, True)),
    ],
)
def test_a_guardrail_is_parsed(text: str, guard: Guardrail) -> None:
    assert parse_guardrail(text) == guard
    assert parse_guardrail(guard.text) == guard


@pytest.mark.parametrize(
    "text",
    [
        *("", "peak_vram_mb", "peak_vram_mb <=", "<= 3", "x == 3", "x <= y", "x <= 3 MB"),
        *("x <= 1e999", "x => 3", "x <= 3 y >= 4", "3 <= x", "x <= 3\ny <= 4", "x <= nan"),
        *("x <= inf", "x <= 95%"),
    ],
)
def test_another_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError):
        parse_guardrail(text)
    assert "peak_vram_mb <= 39000" in guardrails_mismatch(("a <= 1", text))
    assert settings()["guards"].mismatch((text,))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("peak_vram_mb", 41200.5), ("PEAK_VRAM_MB", 41200.5), ("depth", 8.0), ("note", None)),
        *(("loss", None), ("absent", None), ("tokens_per_second", 1e5), ("memory_gb", 40.2)),
    ],
)
def test_a_figure_is_the_printed_one_or_follows_from_others(name: str, value: float | None) -> None:
    assert figure_of(RUN, name) == value


def test_a_printed_rate_counts_before_a_computed_one() -> None:
    run = Measurement(metric=1.0, training_seconds=20.0, tokens_millions=2.0)
    assert figure_of(run, "tokens_per_second") == 1e5
    printed = Measurement(metric=1.0, summary={"tokens_per_second": "7"}, tokens_millions=2.0)
    assert figure_of(printed, "tokens_per_second") == 7.0
    assert figure_of(Measurement(metric=1.0), "memory_gb") is None


@pytest.mark.parametrize(
    ("guard", "breach"),
    [
        ("peak_vram_mb <= 41200.5", ""),
        ("peak_vram_mb < 41200.5", "peak_vram_mb is 41200.5, against `peak_vram_mb < 41200.5`"),
        ("peak_vram_mb <= 39000", "peak_vram_mb is 41200.5, against `peak_vram_mb <= 39000`"),
        ("toks >= 0.9x", ""),
        ("toks >= 0.91x", "toks is 900, against `toks >= 0.91x` (910)"),
        ("toks > 0.9x", "toks is 900, against `toks > 0.9x` (900)"),
        ("absent <= 3", "it prints no absent, which `absent <= 3` limits"),
        ("loss <= 3", "it prints no loss, which `loss <= 3` limits"),
        ("depth <= 2x", "the best so far has no depth for `depth <= 2x`"),
    ],
)
def test_a_breach_names_the_figure_and_the_guardrail(guard: str, breach: str) -> None:
    best = Measurement(metric=1.1, summary={"toks": "1000"})
    assert find_breaches((guard,), RUN, best) == ((breach,) if breach else ())


def test_of_the_baseline_only_limits_of_their_own_count() -> None:
    guards = ("toks >= 2x", "toks >= 1000", "absent >= 1x")
    assert find_breaches(guards, RUN, None) == ("toks is 900, against `toks >= 1000`",)
    assert missing_figures(guards, RUN) == ("absent >= 1x",)


def test_the_figures_that_a_run_gives_are_listed() -> None:
    assert figures_text(RUN) == "peak_vram_mb, Depth, toks, tokens_per_second, memory_gb"
    many = Measurement(metric=1.0, summary={f"k{n}": "1" for n in range(30)})
    assert figures_text(many).endswith("k10, k11 and 18 more")
    assert figures_text(Measurement(metric=1.0)) == "none"


@given(
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.floats(0.01, 100),
    st.sampled_from(["<=", ">=", "<", ">"]),
)
def test_a_run_keeps_a_guardrail_or_breaks_it(
    value: float, best: float, factor: float, sign: str
) -> None:
    guard = parse_guardrail(Guardrail("f", sign, factor, True).text)
    run = Measurement(metric=1.0, summary={"f": repr(value)})
    reference = Measurement(metric=1.0, summary={"f": repr(best)})
    limit = guard.limit * best
    kept = {"<=": value <= limit, ">=": value >= limit, "<": value < limit, ">": value > limit}
    assert (not find_breaches((guard.text,), run, reference)) is kept[sign]


@pytest.mark.parametrize("direction", Direction)
def test_a_breach_is_a_discard_however_good_the_metric(direction: Direction) -> None:
    config = ResearchConfig(direction=direction)
    better = 0.5 if direction is Direction.MIN else 1.5
    decision = decide_breach(config, Measurement(metric=better), 1.0, ("a is 3, against `a < 2`",))
    assert decision is not None
    assert (decision.verdict, decision.gain) == (Verdict.DISCARD, 0.5)
    assert decision.reason == "better by 0.5, but a is 3, against `a < 2`"
    worse = decide_breach(config, Measurement(metric=2.0 - better), 1.0, ("a", "b"))
    assert worse is not None and worse.reason == "a; b"
    assert decide_breach(config, Measurement(metric=better), None, ("a",)) is None
    assert decide_breach(config, Measurement(metric=better), 1.0, ()) is None
    assert decide_breach(config, Measurement(metric=float("nan")), 1.0, ("a",)) is None


def test_guardrails_are_written_to_the_config_and_read_back() -> None:
    config = ResearchConfig(guards=("peak_vram_mb <= 39000", "tokens_per_second >= 0.95x"))
    assert parse_config(render_config(config)) == config
