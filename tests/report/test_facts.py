"""The facts of reports on sessions and tables, by examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.analysis.claim import Basis
from engine.core.analysis.noise import Trust
from engine.core.enums import Actor, Direction, Outcome, RunPurpose, Verdict
from engine.core.text import duration, one_line
from engine.report import figures
from engine.report.keeps import only_seed
from engine.report.markdown import markdown
from engine.report.model import ReportFacts
from engine.report.sections import headline, lead
from tests.report.nights import Night, table_facts

KEEP, DISCARD, CRASH = Verdict.KEEP, Verdict.DISCARD, Verdict.CRASH


def confirmed_night(workspace: Path) -> Night:
    """σ is about 0.0005: one keep stands out, one does not."""
    night = Night(workspace)
    night.experiment(1.0, KEEP, "baseline", category="other", fresh=(1.001, 1.0, 1.001))
    night.experiment(1.001, DISCARD, "confirmation of #1: baseline", of=1, gain=-0.001)
    night.experiment(0.98, KEEP, "depth 9", category="architecture", gain=0.02)
    night.experiment(0.9795, KEEP, "lr 0.05", category="optimizer", gain=0.0005)
    night.experiment(0.99, DISCARD, "warmup", gain=-0.0105)
    night.experiment(None, CRASH, "batch 4x", category="efficiency")
    return night


def test_a_session_with_a_noise_estimate(tmp_path: Path) -> None:
    facts = confirmed_night(tmp_path).facts()
    assert facts.of_session and facts.name == "night" and facts.running
    assert facts.baseline is not None and facts.best is not None
    assert (facts.baseline.number, facts.best.number) == (1, 4)
    assert facts.gain == pytest.approx(0.021)
    assert facts.percent == pytest.approx(100 * 0.021 / 1.0005)
    assert facts.claim is not None and facts.claim.basis is Basis.RECORDED
    assert facts.noise is not None
    assert (facts.noise.runs, facts.noise.commits) == (5, 1)
    assert facts.noise.sigma == pytest.approx((1.2e-6 / 4) ** 0.5)
    assert facts.sigmas == pytest.approx(0.021 / facts.noise.upper)
    assert [(k.point.number, k.trust) for k in facts.keeps] == [
        (3, Trust.CLEAR),
        (4, Trust.WITHIN),
    ]
    # What the baseline is believed to be is the mean of all its runs.
    assert facts.keeps[0].gain == pytest.approx(0.0206)
    assert [keep.point.number for keep in facts.top] == [3, 4]
    assert dict(facts.outcomes) == {"no better": 1, "out of memory": 1}
    tried = {c.name: (c.tried, c.kept, c.crashed) for c in facts.categories}
    assert tried == {
        "architecture": (1, 1, 0),
        "optimizer": (1, 1, 0),
        "schedule": (1, 0, 0),
        "efficiency": (1, 0, 1),
    }
    assert any("confirm 4" in step.command for step in facts.steps)
    assert 3 <= len(facts.steps) <= 5
    assert lead(facts).endswith("(1 of them repeats).")


def test_without_a_repeated_run_the_noise_is_unknown(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.experiment(1.0, KEEP)
    night.experiment(0.9, KEEP, gain=0.1)
    facts = night.facts()
    assert facts.noise is None and facts.sigmas is None
    assert facts.keeps[0].trust is Trust.UNKNOWN
    text = markdown(facts)
    assert "of single runs, which are likely too good" in text
    assert "no gain can be told from luck" in text


def test_the_user_s_verdict_is_the_effective_one(tmp_path: Path) -> None:
    night = confirmed_night(tmp_path)
    night.say(
        ev.Overruled(experiment=4, verdict=DISCARD, by=Actor.SCREEN, reason="luck"),
        ev.NoteAdded(note=1, text="mind the memory", by=Actor.COMMAND_LINE),
    )
    facts = night.facts()
    assert [k.point.number for k in facts.keeps] == [3]
    assert (facts.counts.keep, facts.counts.discard) == (2, 3)
    assert dict(facts.outcomes)["discarded by the user"] == 1
    told = [act.text for act in facts.user_actions]
    assert "overruled: discard: #4 (why: luck)" in told
    assert "noted: mind the memory" in told


def test_time_adds_up(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.experiment(1.0, KEEP, waited=20, ran=100, trained=80)
    night.say(ev.Paused(by=Actor.PERSON, reason="lunch"), after=5)
    night.say(ev.Resumed(by=Actor.SCREEN), after=300)
    night.experiment(None, CRASH, waited=10, ran=50)
    night.say(ev.EngineStopped(reason="SIGTERM"), after=1)
    night.say(ev.EngineStarted(pid=2, version="0.1.0"), after=600)
    night.experiment(0.9, KEEP, waited=4, ran=100, trained=90, gain=0.1)
    hours = night.facts().hours
    assert hours is not None
    assert (hours.training, hours.evaluation, hours.lost) == (170, 30, 50)
    assert hours.idle == 900
    assert hours.waiting == 20 + 5 + 10 + 1 + 4
    assert sum(seconds for _, seconds in hours.parts()) == pytest.approx(hours.total)


def test_a_pause_during_a_run_is_not_idle_time(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.experiment(1.0, KEEP, waited=0, ran=100)
    night.say(ev.Paused(by=Actor.PERSON, reason="x"))
    night.experiment(0.9, KEEP, waited=0, ran=100, gain=0.1)
    night.say(ev.Resumed(by=Actor.SCREEN), after=7)
    hours = night.facts().hours
    assert hours is not None and hours.idle == 7


def test_an_engine_that_was_killed_leaves_idle_time(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.experiment(1.0, KEEP)
    night.say(ev.EngineStarted(pid=2, version="0.1.0", recovered=True), after=500)
    hours = night.facts().hours
    assert hours is not None and hours.idle == 500


def test_costs(tmp_path: Path) -> None:
    night = Night(tmp_path)
    for number, dollars in ((1, None), (2, 0.5), (3, 0.25)):
        night.say(
            ev.CostIncurred(experiment=number, model="m", prompt_tokens=1000, dollars=dollars)
        )
        night.experiment(1 - number / 100, KEEP, gain=0.01)
    cost = night.facts().cost
    assert cost is not None
    assert (cost.calls, cost.tokens, cost.dollars, cost.unpriced) == (3, 3000, 0.75, 1)
    assert cost.dollars_per_keep == pytest.approx(0.375)
    assert "without a known price" in markdown(night.facts())


def test_a_session_without_results_has_a_report(tmp_path: Path) -> None:
    night = Night(tmp_path)
    assert "nothing was measured" in markdown(night.facts())
    night.experiment(None, CRASH, outcome=Outcome.CODE_CRASH)
    text = markdown(night.facts())
    assert "code crash" in text
    assert "No value was measured" in text


def test_a_table(tmp_path: Path) -> None:
    facts = table_facts(
        "baseline\t0.997900\t44.0\tkeep\tbaseline",
        "bea057b\t0.986041\t43.9\tkeep\thalve the batch",
        "7f2a65c\t0.990000\t60.2\tdiscard\tdepth 9",
        "1111111\t0.000000\t0.0\tcrash\tdepth 99",
        "2222222\t0.985041\t60.2\tkeep\trandom seed 42 to 137",
    )
    assert not facts.of_session and facts.hours is None and facts.cost is None
    assert headline(facts).startswith("val_bpb 0.997900 → 0.985041 (−1.3")
    assert [k.point.number for k in facts.top] == [2, 5]
    assert [k.seed for k in facts.keeps] == [False, True]
    assert facts.points[3].value is None
    assert facts.misses[0].number == 3
    assert "the report has none of them" in facts.reading[-1]
    assert "the random seed" in markdown(facts)


@pytest.mark.parametrize(
    ("rows", "runs"),
    [
        (("a1b2c3d\t1.0\t1\tkeep\tbaseline", *["a1b2c3d\t1.1\t1\tdiscard\tbaseline"] * 4), 5),
        (
            (
                "a1b2c3d\t1.0\t1\tkeep\tdepth 8",
                *["a1b2c3d\t1.1\t1\tdiscard\tconfirm depth 8"] * 4,
            ),
            5,
        ),
        (("a1b2c3d\t1.0\t1\tkeep\tbaseline", "a1b2c3d\t1.1\t1\tdiscard\tbaseline"), 0),
        # The commit an idea began from, as many tables have it.
        (("a1b2c3d\t1.0\t1\tkeep\tdepth 8", "a1b2c3d\t1.1\t1\tdiscard\tdepth 9"), 0),
        (
            (
                "a1b2c3d\t1.0\t1\tkeep\tbaseline",
                "a1b2c3d\t1.1\t1\tdiscard\tdepth 9",
                "a1b2c3d\t1.2\t1\tdiscard\tbaseline rerun",
            ),
            0,
        ),
        (("a1b2c3d-dirty\t1.0\t1\tkeep\tx", "a1b2c3d-dirty\t1.1\t1\tdiscard\tx"), 0),
        (("a1b2c3d\t1.0\t1\tkeep\tx", "a1b2c3d\t0.0\t0\tcrash\tx"), 0),
    ],
)
def test_which_rows_count_as_repeats(rows: tuple[str, ...], runs: int) -> None:
    facts = table_facts(*rows)
    assert (facts.noise.runs if facts.noise is not None else 0) == runs


def test_higher_may_be_better() -> None:
    facts = table_facts(
        "a1\t0.50\t1\tkeep\tbaseline",
        "a2\t0.75\t1\tkeep\tbetter",
        head="commit\taccuracy\tmemory_gb\tstatus\tdescription",
    )
    assert facts.direction is Direction.MAX
    assert headline(facts) == "accuracy 0.50 → 0.75 (+50.0\u202f%)"


def empty() -> ReportFacts:
    return table_facts()


def test_a_table_without_rows() -> None:
    assert headline(empty()).endswith("nothing was measured")
    assert empty().steps == ()


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("random seed 42 to 137", True),
        ("SEED of 84 instead of 42 lowers the loss.", True),
        ("change the seed", True),
        ("seed 7 + depth 9", False),
        ("seed data first", False),
        ("lower lr", False),
    ],
)
def test_a_seed_is_not_an_improvement(text: str, alone: bool) -> None:
    assert only_seed(text) is alone


def test_number_formats() -> None:
    narrow = "\u202f"
    assert figures.number(0.9979, 6) == "0.997900"
    assert figures.number(-4713.262, 3) == f"−4{narrow}713.26"
    assert figures.number(1e-9, 6) == "1e−09"
    assert figures.number(float("nan"), 6) == "NaN"
    assert figures.change(Direction.MIN, 0.02, 3) == "−0.020"
    assert figures.change(Direction.MAX, 0.02, 3) == "+0.020"
    assert figures.change(Direction.MIN, 0.0, 3) == "0.000"
    assert figures.percent(-2.83) == f"−2.8{narrow}%"
    assert figures.percent(-0.000634) == f"−0.00063{narrow}%"
    assert figures.percent(619251) == f"6{narrow}194 times"
    assert duration(4.25) == "4.2 s"
    assert duration(200) == "3 min 20 s"
    assert duration(26_000) == "7 h 13 min"
    assert figures.money(0.0123) == "$0.012"
    places = figures.places_for([25169.9871, 25169.9874, 0.5])
    assert figures.number(25169.9871, places) == f"25{narrow}169.9871"
    assert figures.number(3943185.0, figures.places_for([3943185.0, 3943210.0])) == (
        f"3{narrow}943{narrow}185"
    )
    assert figures.places_of([38.9, 70.06]) == 2
    assert figures.places_of([0.9979, 0.969686]) == 6
    assert one_line("\x1b[31mred\x1b[0m\n\u202ex") == "red x"


def test_the_headline_claims_what_the_closing_runs_support(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.experiment(1.0, KEEP, "baseline", fresh=(1.001, 1.0, 1.001, 1.0))
    night.experiment(0.98, KEEP, "depth 9", gain=0.02, fresh=(0.985, 0.986))
    assert headline(night.facts()) == "val_bpb 1.0004 → 0.9855 (−1.5\u202f% ± 0.13\u202f%)"
    night.rerun(1, RunPurpose.CLOSING, 1.0)
    night.rerun(2, RunPurpose.CLOSING, 0.99)
    claim = night.facts().claim
    assert claim is not None and claim.basis is Basis.CLOSING and claim.runs == (1, 1)
    assert headline(night.facts()).startswith("val_bpb 1.0000 → 0.9900 (−1.0\u202f% ±")


def test_a_gain_within_its_error_bar_is_not_claimed(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.experiment(1.0, KEEP, "baseline", fresh=(1.01, 1.0, 1.01, 1.0))
    night.experiment(0.99, KEEP, "lucky", gain=0.014, fresh=(1.0, 1.01))
    assert headline(night.facts()).endswith("within noise)")
