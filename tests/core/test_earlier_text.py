"""What the next session's agent is told of earlier sessions: bounded, on single lines, with σ."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core import events as ev
from engine.core.analysis.earlier import MOST_CHARACTERS, Earlier, device_of, earlier_text
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, Direction, Origin, Outcome, ReviewAnswer, Verdict
from engine.core.reducer import apply
from engine.core.session import Session

H100 = ev.Gpu("H100", 80 * 2**30)


def machine(*gpus: ev.Gpu, cpu: str = "EPYC") -> ev.Platform:
    return ev.Platform(
        system="Linux", python="3.11", cpu=cpu, cores=8, ram_bytes=1, gpus=tuple(gpus)
    )


def session_of(*ideas: dict[str, Any], platform: ev.Platform | None = None, **config: Any) -> Any:
    """Fold a session whose baseline has the value 1 and whose ideas are given by what matters."""
    events: list[Any] = [
        ev.SessionStarted(
            version="1",
            workspace="/w",
            branch="b",
            base_commit="base",
            config=ResearchConfig(**{"tag": "nov20", "budget_seconds": 300, **config}),
            results_file="results.tsv",
        )
    ]
    if platform is not None:
        events.append(ev.PlatformDetected(platform=platform))
    baseline = {"value": 1.0, "verdict": Verdict.KEEP, "hypothesis": "baseline", "commit": "c1"}
    for number, facts in enumerate([baseline, *ideas], start=1):
        verdict = facts.get("verdict", Verdict.DISCARD)
        proposal = ev.Proposal(
            patch_id=f"p{number}",
            hypothesis=facts.get("hypothesis", f"idea {number}"),
            category=facts.get("category", "optimizer"),
        )
        events += [
            ev.ProposalDrafted(
                experiment=number,
                base="base",
                proposal=proposal,
                patch="x",
                origin=facts.get("origin", Origin.AGENT),
            ),
            ev.CandidateCommitted(
                experiment=number, commit=facts.get("commit", f"c{number}"), ref="r"
            ),
            ev.RunStarted(
                experiment=number, run=1, slot=0, command="x", directory="d", deadline_seconds=9
            ),
        ]
        if "outcome" in facts:
            events.append(ev.RunEnded(experiment=number, run=1, outcome=facts["outcome"]))
        if "value" in facts:
            measurement = ev.Measurement(metric=facts["value"])
            events.append(ev.Measured(experiment=number, run=1, measurement=measurement))
        if verdict is not None:
            events.append(
                ev.VerdictGiven(
                    experiment=number,
                    verdict=verdict,
                    reason=facts.get("reason", ""),
                    gain=facts.get("gain"),
                )
            )
        if verdict is Verdict.KEEP:
            events.append(ev.FrontierAdvanced(experiment=number, commit=f"c{number}"))
    session = Session()
    for event in events:
        session = apply(session, event)
    return session


def play(session: Session, *events: Any) -> Session:
    for event in events:
        session = apply(session, event)
    return session


def text_of(*sessions: Session, limit: int = MOST_CHARACTERS) -> str:
    return earlier_text([Earlier(session) for session in sessions], limit)


WHOLE = """\
Earlier sessions of this workspace, newest first. Their numbers are comparable only if metric, \
budget and machine are the same as today; a positive gain is an improvement.

## Session nov20: val_bpb (lower is better), 300 s a run, 2 × H100
9 experiments: 3 kept, 5 discarded, 1 crashed; baseline 1, best 0.7
Kept, by gain:
- optimizer: large gain → 0.7, gain +0.2
- architecture: small gain → 0.9, gain +0.1
Categories without a keep: schedule (3 tried).
Dead ends, worst first:
- schedule: worst → 3, gain -2
- schedule: bad → 2, gain -1
- schedule: near → 1.5, gain -0.5
Crashed:
- optimizer: too deep → out of memory
Refused by the user:
- wild idea (refused: no)
- no dropout"""


def test_a_session_is_told_with_its_keeps_dead_ends_crashes_and_wishes() -> None:
    session = session_of(
        {"value": 0.9, "gain": 0.1, "verdict": Verdict.KEEP, "hypothesis": "small gain",
         "category": "architecture"},
        {"value": 0.7, "gain": 0.2, "verdict": Verdict.KEEP, "hypothesis": "large gain"},
        {"value": 0.9, "gain": -0.2, "origin": Origin.CONFIRM, "commit": "c3"},
        {"value": 1.5, "gain": -0.5, "category": "schedule", "hypothesis": "near"},
        {"value": 3.0, "gain": -2.0, "category": "schedule", "hypothesis": "worst"},
        {"value": 2.0, "gain": -1.0, "category": "schedule", "hypothesis": "bad"},
        {"verdict": Verdict.CRASH, "hypothesis": "too deep", "reason": "out of memory"},
        {"value": 9.0, "hypothesis": "doubted, without a gain"},
        platform=machine(H100, H100),
    )  # fmt: skip
    session = play(
        session,
        ev.ProposalQueued(
            queued=1,
            after=9,
            base="base",
            proposal=ev.Proposal(patch_id="w", hypothesis="wild idea"),
            patch="x",
        ),
        ev.ReviewDecided(
            queued=1, patch_id="w", decision=ReviewAnswer.VETO, by=Actor.SCREEN, reason="no"
        ),
        ev.DirectionBanned(ban=1, text="no dropout", by=Actor.SCREEN),
    )
    assert text_of(session) == WHOLE


def test_nothing_is_told_of_sessions_that_tried_nothing() -> None:
    empty = play(
        Session(),
        ev.SessionStarted(
            version="1",
            workspace="/w",
            branch="b",
            base_commit="base",
            config=ResearchConfig(tag="empty"),
            results_file="results.tsv",
        ),
    )
    assert text_of() == text_of(empty) == ""
    assert "empty" not in text_of(empty, session_of())


def test_a_session_of_a_baseline_alone_has_no_lists() -> None:
    text = text_of(session_of(budget_seconds=None, metric="acc", direction=Direction.MAX))
    assert text.splitlines()[2:] == [
        "## Session nov20: acc (higher is better), no set budget, an unknown machine",
        "1 experiments: 1 kept, 0 discarded, 0 crashed; baseline 1, best 1",
    ]


def test_values_that_are_not_known_are_left_out() -> None:
    session = play(
        Session(),
        ev.ProposalDrafted(
            experiment=1,
            base="base",
            proposal=ev.Proposal(patch_id="p", hypothesis="baseline"),
            patch="",
        ),
        ev.VerdictGiven(experiment=1, verdict=Verdict.CRASH, reason="x"),
    )
    assert text_of(session).splitlines()[-1] == "1 experiments: 0 kept, 0 discarded, 1 crashed"


def test_a_session_that_could_be_read_in_part_says_why() -> None:
    text = earlier_text([Earlier(session_of(), "line 7\nis damaged" + "!" * 200)])
    (line,) = (line for line in text.splitlines() if line.startswith("(read in part"))
    assert line.startswith("(read in part: line 7 is damaged!!!")
    assert len(line) <= 140


def test_noise_is_pooled_only_over_sessions_of_the_same_machine_metric_and_budget() -> None:
    repeat = {"value": 1.2, "origin": Origin.CONFIRM, "commit": "c1"}
    again = [{**repeat, "value": value} for value in (1.2, 1.0, 1.2, 1.1)]
    one = session_of(*again, platform=machine(H100))
    two = session_of(*again[:1], platform=machine(H100))
    other_budget = session_of(*again, platform=machine(H100), budget_seconds=60)
    other_machine = session_of(*again, platform=machine())
    quiet = session_of(platform=machine(ev.Gpu("A100", 1)))
    lines = text_of(one, two, other_budget, other_machine, quiet).splitlines()[1:5]
    assert lines == [
        "- noise on H100: σ of val_bpb is 0.11 (7 runs of 2 commit(s), 300 s a run)",
        "- noise on H100: σ of val_bpb is 0.1 (5 runs of 1 commit(s), 60 s a run)",
        "- noise on 8 cores of EPYC: σ of val_bpb is 0.1 (5 runs of 1 commit(s), 300 s a run)",
        "",
    ]


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        (None, "an unknown machine"),
        (machine(), "8 cores of EPYC"),
        (machine(H100), "H100"),
        (machine(H100, ev.Gpu("A100", 1), H100), "2 × H100, A100"),
    ],
)
def test_a_machine_is_named_by_its_gpus_or_its_processor(
    platform: ev.Platform | None, name: str
) -> None:
    assert device_of(platform) == name


def test_a_machine_with_a_long_name_is_cut_to_one_line() -> None:
    assert len(device_of(machine(cpu="x\n" * 99))) <= 60
    assert len(device_of(machine(ev.Gpu("x\n" * 99, 1)))) <= 60


def test_each_list_has_an_end() -> None:
    ideas = [
        {"value": 1.0, "gain": n / 100, "verdict": Verdict.KEEP, "hypothesis": f"keep {n}"}
        for n in range(1, 9)
    ]
    ideas += [{"value": 2.0, "gain": -n / 1, "hypothesis": f"lost {n}"} for n in range(1, 8)]
    ideas += [
        {"verdict": Verdict.CRASH, "reason": "x", "hypothesis": f"crash {n}"} for n in range(1, 6)
    ]
    session = play(
        session_of(*ideas),
        *(ev.DirectionBanned(ban=n, text=f"ban {n}", by=Actor.SCREEN) for n in range(1, 8)),
    )
    lines = text_of(session).splitlines()
    numbers = {
        word: [
            int(line.split()[3 if word != "ban" else 2]) for line in lines if f" {word} " in line
        ]
        for word in ("keep", "lost", "crash", "ban")
    }
    assert numbers == {
        "keep": [8, 7, 6, 5, 4, 3],
        "lost": [7, 6, 5, 4, 3],
        "crash": [3, 4, 5],
        "ban": [3, 4, 5, 6, 7],
    }


@pytest.mark.parametrize(("tried", "dead"), [(2, False), (3, True)])
def test_a_category_is_a_dead_end_once_three_were_tried_and_none_kept(
    tried: int, dead: bool
) -> None:
    ideas: list[dict[str, Any]] = [{"value": 2.0, "gain": -1.0, "category": "data"}] * tried
    assert ("data (" in text_of(session_of(*ideas))) is dead
    kept = {"value": 0.5, "gain": 0.5, "verdict": Verdict.KEEP, "category": "data"}
    assert "data (" not in text_of(session_of(*ideas, kept))


def test_dead_categories_are_named_most_tried_first_and_no_more_than_eight() -> None:
    ideas = [{"value": 2.0, "category": f"kind{n}"} for n in range(10) for _ in range(3 + (n == 9))]
    (line,) = (
        line
        for line in text_of(session_of(*ideas)).splitlines()
        if line.startswith("Categories without a keep")
    )
    assert line.endswith(".")
    names = line.removesuffix(".").partition(": ")[2].split(", ")
    assert names == ["kind9 (4 tried)", *(f"kind{n} (3 tried)" for n in range(7))]


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (
            {"verdict": Verdict.CRASH, "outcome": Outcome.HANG},
            "- optimizer: idea 2 → hang",
        ),
        ({"verdict": Verdict.CRASH, "reason": "a\nb"}, "- optimizer: idea 2 → a b"),
        ({"verdict": Verdict.CRASH}, "- optimizer: idea 2"),
        (
            {"verdict": Verdict.KEEP, "value": 0.5},
            "- optimizer: idea 2 → 0.5",
        ),
    ],
)
def test_a_line_says_how_an_idea_ended_as_far_as_it_is_known(
    facts: dict[str, Any], line: str
) -> None:
    assert line in text_of(session_of(facts)).splitlines()


def test_an_idea_that_the_user_overruled_stands_where_the_user_put_it() -> None:
    session = play(
        session_of({"value": 2.0, "gain": -1.0, "hypothesis": "mine"}),
        ev.Overruled(experiment=2, verdict=Verdict.KEEP, by=Actor.SCREEN, reason=""),
    )
    lines = text_of(session).splitlines()
    assert lines[lines.index("Kept, by gain:") + 1] == "- optimizer: mine → 2, gain -1"
    assert "Dead ends, worst first:" not in lines


def test_an_experiment_that_is_not_decided_is_not_told() -> None:
    assert "idea 2" not in text_of(session_of({"value": 0.1, "gain": 0.9, "verdict": None}))


def test_the_text_ends_with_whole_lines_and_says_that_more_is_left_out() -> None:
    whole = text_of(session_of({"value": 2.0, "gain": -1.0}))
    assert text_of(session_of({"value": 2.0, "gain": -1.0}), limit=len(whole) + 30) == whole
    for limit in range(250, len(whole) + 30):
        text = text_of(session_of({"value": 2.0, "gain": -1.0}), limit=limit)
        assert len(text) <= limit
        if text != whole:
            head, _, end = text.rpartition("\n")
            assert end == "(the rest is omitted)"
            assert whole.startswith(head + "\n") or head == ""


def test_words_of_agents_and_users_cannot_break_a_line() -> None:
    session = play(
        session_of(
            {"value": 2.0, "gain": -1.0, "hypothesis": "a\nb " + "x" * 500, "category": "c\nd"},
            tag="t\nu" + "x" * 99,
            metric="m\nn",
        ),
        ev.DirectionBanned(ban=1, text="y\nz" + "w" * 999, by=Actor.SCREEN),
    )
    text = text_of(session)
    assert "c d: a b xxx" in text
    assert max(len(line) for line in text.splitlines()[1:]) < 340
    assert not any(line.startswith(("b ", "d:", "z", "u")) for line in text.splitlines())
