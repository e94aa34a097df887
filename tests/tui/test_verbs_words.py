"""How the verbs of decision read their arguments, without an engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from engine.core import events as ev
from engine.core.analysis.stop_conditions import STOP_CONDITIONS
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, Autonomy, ReviewAnswer, StopMode
from engine.core.errors import AutoresearchError, UsageError
from engine.core.patches.file_parts import join_files
from engine.core.patches.patch import make_patch
from engine.core.reducer import fold
from engine.core.session import Session
from engine.setup.plan import Plan
from tests.world import TRAIN
from tui.commands.edited_file import check_edit, edited_file, is_diff
from tui.commands.plan_answers import find_line, read_answer
from tui.commands.plan_lines import numbered_lines
from tui.commands.queue import queue_lines
from tui.commands.waiting import choose, find, left_until
from tui.present.decisions import audit_of, decision_line
from tui.terminal.external_editor import decode_text, find_editor

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
EDITED = TRAIN.replace("DEPTH = 4", "DEPTH = 6")
PATCH = make_patch("train.py", TRAIN, EDITED)


def journal(*kinds: ev.AnyEvent) -> list[Any]:
    start = ev.SessionStarted(
        version="1",
        workspace="/w",
        branch="autoresearch/t",
        base_commit="0" * 40,
        config=ResearchConfig(tag="t"),
        results_file="results.tsv",
    )
    at = NOW - timedelta(minutes=5)
    return [replace(e, seq=n, at=at) for n, e in enumerate((start, *kinds), start=1)]


def queued(number: int, patch: str, hypothesis: str = "deeper") -> ev.ProposalQueued:
    proposal = ev.Proposal(patch_id=patch, hypothesis=hypothesis, agent="llm", added=1, removed=1)
    return ev.ProposalQueued(queued=number, base="0" * 40, proposal=proposal, patch=PATCH, after=0)


def asked(number: int, patch: str) -> ev.ReviewRequested:
    return ev.ReviewRequested(queued=number, patch_id=patch, why="all", until=NOW)


def waiting(*patches: str) -> Session:
    events: list[ev.AnyEvent] = []
    for number, patch in enumerate(patches, start=1):
        events += [queued(number, patch), asked(number, patch)]
    return fold(journal(*events))


A, B = "aaaa11112222", "aaab33334444"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (None, f"autoresearch-tui approve {A}"),
        ("aaa", "at least its first 4"),
        ("1", f"autoresearch-tui approve {A}"),
        ("ffff", "no proposal that waits"),
    ],
)
def test_a_decision_must_name_one_patch(name: str | None, says: str) -> None:
    with pytest.raises(UsageError) as error:
        choose(waiting(A, B), name, verb="approve")
    assert says in str(error.value) or says in str(error.value).lower()
    assert A in str(error.value) or name == "aaa"


def test_a_prefix_is_enough_and_a_single_proposal_needs_no_name() -> None:
    assert choose(waiting(A, B), "AAAA", verb="approve") == A
    assert choose(waiting(A), None, verb="approve") == A
    assert find(waiting(A, B), "#2").proposal.patch_id == B
    with pytest.raises(UsageError, match="fits 2"):
        choose(waiting("aaaa11112222", "aaaa11113333"), "aaaa", verb="approve")
    with pytest.raises(UsageError, match="No proposal waits"):
        choose(waiting(), None, verb="approve")


def test_a_patch_that_was_decided_is_left_to_the_engine_to_explain() -> None:
    veto = ev.ReviewDecided(
        queued=1, patch_id=A, decision=ReviewAnswer.VETO, by=Actor.SCREEN, reason="no depth"
    )
    session = fold(journal(queued(1, A), asked(1, A), veto))
    assert choose(session, "aaaa", verb="approve") == A
    assert choose(session, "0123456789ab", verb="approve") == "0123456789ab"


def test_the_queue_fits_a_phone_and_cleans_agent_text() -> None:
    evil = "grow \x1b]0;title\x07 the \x1b[31mmodel\u202e " + "very " * 40
    session = fold(journal(queued(1, A, evil), asked(1, A)))
    lines = queue_lines(session, 40, engine=False)
    assert "\x1b" not in "".join(lines) and "\u202e" not in "".join(lines)
    assert any(line.endswith("…") and len(line) <= 40 for line in lines)
    assert "autoresearch-tui start" in lines[-1]


@pytest.mark.parametrize(
    ("seconds", "words"), [(-1, "now"), (20, "in 20 s"), (600, "in 10 min"), (7200, "in 2 h")]
)
def test_the_time_until_parked(seconds: int, words: str) -> None:
    assert left_until(NOW + timedelta(seconds=seconds), NOW) == words


# ---- edits handed in


def test_a_whole_file_or_a_diff_of_it() -> None:
    assert edited_file(EDITED, TRAIN, "train.py") == EDITED
    assert edited_file(PATCH, TRAIN, "train.py") == EDITED
    as_git_does = "diff --git a/train.py b/train.py\nindex 1..2 100644\n" + PATCH
    assert edited_file(as_git_does, TRAIN, "train.py") == EDITED
    moved = "# a line above\n" + TRAIN
    assert edited_file(PATCH, moved, "train.py") == "# a line above\n" + EDITED
    mailed = PATCH.replace("\n \n", "\n\n")
    assert edited_file(mailed, TRAIN, "train.py") == EDITED


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PATCH.replace("train.py", "prepare.py"), "prepare.py"),
        (PATCH.replace("b/train.py", "b/../../etc/passwd"), "only train.py"),
        (PATCH.replace("--- a/train.py", "--- /dev/null"), "makes or deletes"),
        (PATCH + PATCH.replace("train.py", "prepare.py"), "prepare.py"),
        (PATCH + PATCH, "more than once"),
        (PATCH.replace("DEPTH = 4", "DEPTH = 5"), "does not fit"),
        ("@@ -1 +1 @@\n-a\n+b\n", "names no file"),
        ("--- a/train.py\n+++ b/train.py\n", "no hunk"),
        (PATCH + "rubbish\n", "an invalid line"),
        ("  \n", "text is empty"),
    ],
)
def test_a_diff_of_something_else_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        edited_file(text, TRAIN, "train.py")


def test_a_diff_of_several_files_is_applied_to_each() -> None:
    base = join_files({"train.py": TRAIN, "lib/model.py": "WIDTH = 3\n"})
    after = join_files({"train.py": EDITED, "lib/model.py": "WIDTH = 4\n"})
    model = "--- a/lib/model.py\n+++ b/lib/model.py\n@@ -1 +1 @@\n-WIDTH = 3\n+WIDTH = 4\n"
    as_git_does = f"{PATCH}diff --git a/lib/model.py b/lib/model.py\nindex 1..2 100644\n{model}"
    for text in (PATCH + model, model + PATCH, as_git_does, after):
        assert edited_file(text, base, "train.py") == after
    check_edit(base, after, "train.py")
    with pytest.raises(UsageError, match=r"only train\.py and lib/model\.py"):
        edited_file(model.replace("lib/model", "other"), base, "train.py")
    with pytest.raises(AutoresearchError, match="heading lines"):
        check_edit(base, EDITED, "train.py")
    with pytest.raises(AutoresearchError, match=r"lib/model\.py is not valid Python.*line 1"):
        check_edit(base, after.replace("WIDTH = 4", "WIDTH = ("), "train.py")


def test_a_file_that_mentions_diffs_is_not_a_diff() -> None:
    assert not is_diff('"""Compares --- and +++."""\n')


@pytest.mark.parametrize(
    ("source", "says"),
    [("a = 1\nb = (\n", "line 2"), ("a\0b", "train.py"), ("(" * 5000, "train.py")],
)
def test_invalid_python_is_refused_with_its_line(source: str, says: str) -> None:
    with pytest.raises(AutoresearchError, match=says):
        check_edit("", source, "train.py")
    check_edit("", "x = '\\d'\n", "train.py")
    check_edit("", "not python", "train.sh")


def test_visual_comes_before_editor_and_may_have_arguments() -> None:
    assert find_editor({"VISUAL": "code -w", "EDITOR": "vi"}, "") == ["code", "-w"]
    assert find_editor({"VISUAL": " ", "EDITOR": "vi"}, "") == ["vi"]
    for environ, says in (({}, "neither"), ({"EDITOR": "vi 'x"}, "cannot be read")):
        with pytest.raises(UsageError, match=says):
            find_editor(environ, "")


@pytest.mark.parametrize(
    ("data", "says"), [(b"\xff\xfe", "UTF-8"), (b"a\0", "NUL"), (b"x" * (2**20 + 1), "1 MiB")]
)
def test_bytes_that_are_not_text_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        decode_text(data, "It")


# ---- the audit


def test_the_audit_says_what_each_decision_led_to() -> None:
    approved = ev.ReviewDecided(
        queued=1, patch_id=A, decision=ReviewAnswer.APPROVE, by=Actor.COMMAND_LINE
    )
    drafted = ev.ProposalDrafted(
        experiment=1, base="0" * 40, proposal=queued(1, A).proposal, patch=PATCH, queued=1
    )
    events = journal(
        *(queued(1, A), asked(1, A), queued(2, B), asked(2, B), approved, drafted),
        ev.ProposalParked(queued=2, reason="no answer in time"),
        ev.AutonomySet(autonomy=Autonomy.AUTO, by=Actor.SCREEN),
        ev.Paused(by=Actor.ENGINE, reason="disk full"),
        ev.StopRequested(by=Actor.COMMAND_LINE, mode=StopMode.AFTER_RUN),
    )
    entries = audit_of(events)
    decisions = [entry.decision for entry in entries]
    found = [(d.what, d.by, d.patch_id, d.experiment) for d in decisions]
    assert found == [
        ("asked", "policy", A, 1),
        ("asked", "policy", B, 0),
        ("approved", "command line", A, 1),
        ("parked", "timeout", B, 0),
        ("autonomy auto", "screen", "", 0),
        ("stop after this run", "command line", "", 0),
    ]
    assert entries[3].text == f"parked {B}: deeper (why: no answer in time)"


def test_a_question_is_a_line_of_the_plain_log() -> None:
    events = journal(queued(1, A), asked(1, A))
    assert decision_line(events[-1], fold(events)) == f"Needs you: {A}: deeper (why: all)"
    assert decision_line(events[0], fold(events)) is None


# ---- the research config

ENDLESS: dict[str, object] = dict.fromkeys(STOP_CONDITIONS) | {"until": ""}
"""The answer `none` for the line that says when the session ends."""


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("locked", "prepare.py, data/*.py", {"locked": ("prepare.py", "data/*.py")}),
        ("locked", "none", {"locked": ()}),
        ("file", "train.py", {"file": "train.py", "more_files": ()}),
        ("file", "a b.py, lib/m.py", {"file": "a b.py", "more_files": ("lib/m.py",)}),
        ("direction", "higher is better", {"direction": "max"}),
        ("budget_seconds", "5 min", {"budget_seconds": 300.0}),
        ("budget_seconds", "none", {"budget_seconds": None}),
        ("rule", "min-delta 0.001", {"rule": "min_delta", "min_delta": 0.001}),
        ("rule", "greedy", {"rule": "greedy", "min_delta": 0.0}),
        ("agent", "anthropic/claude", {"agent": "llm", "model": "anthropic/claude"}),
        ("agent", "codex", {"agent": "acp", "cli": "codex"}),
        ("agent", "llm: my-model", {"agent": "llm", "model": "my-model"}),
        ("max_experiments", "none", ENDLESS),
        ("max_experiments", "200", ENDLESS | {"max_experiments": 200}),
        ("max_experiments", "07:30, or 8h", ENDLESS | {"until": "07:30", "for_seconds": 28800.0}),
        ("max_experiments", "until 2026-11-30t07:30", ENDLESS | {"until": "2026-11-30T07:30"}),
        (
            "max_experiments",
            "200, Target 0.97, patience 20",
            ENDLESS | {"max_experiments": 200, "target": 0.97, "patience": 20},
        ),
        ("guards", "a <= 3, b >= 0.9x", {"guards": ("a <= 3", "b >= 0.9x")}),
        ("guards", "none", {"guards": ()}),
        ("scope", "only the optimizer", {"scope": "only the optimizer"}),
        ("first_hypothesis", "none", {"first_hypothesis": ""}),
    ],
)
def test_an_answer_is_read(name: str, text: str, value: dict[str, object]) -> None:
    assert read_answer(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("direction", "up"), ("budget_seconds", "soon"), ("rule", "min_delta"), ("rule", "luck")),
        *(("autonomy", "yolo"), ("max_experiments", "many"), ("max_experiments", "9 x")),
        *(("max_experiments", "target"), ("max_experiments", "patience few")),
    ],
)
def test_an_invalid_answer_is_refused(name: str, text: str) -> None:
    with pytest.raises(UsageError):
        read_answer(name, text)


def test_each_line_of_the_plan_is_found_by_its_number_and_its_name() -> None:
    plan = Plan(config=ResearchConfig(), continues=False)
    for number, setting in enumerate(numbered_lines(plan), start=1):
        for word in (str(number), setting.name, setting.label):
            assert find_line(plan, word) == setting
    for word in ("0", "99", "colour", "l"):
        assert find_line(plan, word).name == "locked" if word == "l" else _none(plan, word)


def _none(plan: Plan, word: str) -> bool:
    with pytest.raises(UsageError):
        find_line(plan, word)
    return True
