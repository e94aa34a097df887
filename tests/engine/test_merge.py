"""Merging on real repositories, in any state since the session ran."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from engine.core import events as ev
from engine.core.analysis.noise import Trust, noise_of
from engine.core.enums import Actor, Origin, Verdict
from engine.core.errors import AutoresearchError, EngineBusyError, UsageError, WorkspaceError
from engine.core.session import Session
from engine.merge import (
    ConflictError,
    KeepSelection,
    MergedBranch,
    MergeMethod,
    MergePlan,
    StepKind,
    make_branch,
    plan_merge,
    preview_revert,
    select_steps,
)
from tests.engine.past_session import TRAIN, Past
from tests.world import git, make_repository
from tui.commands.verbs import cli

MINE = {"train.py": TRAIN, "prepare.py": "DATA = 1\n", "notes/own.txt": "mine\n"}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A workspace of the user."""
    return make_repository(tmp_path / "work", MINE)


@pytest.fixture
def past(work: Path) -> Past:
    """Three keeps: two of neighbouring lines, one far from them."""
    past = Past(work)
    past.keep("MATRIX_LR = 0.04", "MATRIX_LR = 0.05", 0.9)  # 2
    past.discard("SEED = 42", "SEED = 7", 1.2)  # 3
    past.keep("EMBEDDING_LR = 0.6", "EMBEDDING_LR = 0.8", 0.895)  # 4
    past.keep("DEPTH = 4", "DEPTH = 6", 0.7)  # 5
    return past


def everything(directory: Path) -> dict[str, object]:
    """Return content and mode of the user's files in a checkout and its git directory."""
    found: dict[str, object] = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_file() and not {".git", ".autoresearch"} & set(path.parts):
            found[name] = (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
    for name in ("HEAD", "index", "config", "packed-refs", "MERGE_HEAD"):
        path = directory / ".git" / name
        found[f".git/{name}"] = path.read_bytes() if path.exists() else None
    refs = git(directory, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    found["refs"] = [line for line in refs if "-merged " not in line]
    found["stash"] = git(directory, "stash", "list")
    found["worktrees"] = git(directory, "worktree", "list", "--porcelain")
    return found


def make_dirty(work: Path) -> None:
    (work / "train.py").write_text("half an idea of mine\n")
    (work / "prepare.py").write_text("staged\n")
    git(work, "add", "prepare.py")
    (work / "notes/own.txt").unlink()
    (work / "untracked.txt").write_text("not git's\n")


def commit_on_main(work: Path, name: str, old: str, new: str) -> None:
    text = (work / name).read_text()
    assert text.count(old) == 1
    (work / name).write_text(text.replace(old, new))
    git(work, "commit", "-qam", f"{old} is {new}")


def take(
    past: Past,
    how: MergeMethod = MergeMethod.PICK,
    choice: KeepSelection = KeepSelection.ALL,
    only: tuple[int, ...] = (),
    *,
    onto: str | None = None,
    with_program: bool = False,
) -> tuple[MergePlan, MergedBranch]:
    plan = plan_merge(past.path, past.session, onto)
    steps = select_steps(plan, choice, only, with_program=with_program)
    return plan, make_branch(past.path, plan, steps, how, "t-merged")


@pytest.mark.parametrize("how", list(MergeMethod))
def test_a_dirty_checkout_does_not_change_by_a_byte(
    work: Path, past: Past, how: MergeMethod
) -> None:
    make_dirty(work)
    before = everything(work)
    plan, merged = take(past, how)
    assert everything(work) == before
    assert git(work, "show", "t-merged:train.py") == past.text().rstrip("\n")
    assert git(work, "show", "t-merged:prepare.py") == "DATA = 1"
    assert git(work, "rev-list", "--count", "main..t-merged") == (
        "1" if how is MergeMethod.SQUASH else "3"
    )
    assert merged.experiments == (2, 4, 5)
    assert not (work / ".autoresearch/t/worktrees/merge").exists()
    assert plan.onto == "main"
    message = git(work, "log", "--format=%B", "main..t-merged")
    if how is MergeMethod.REBASE:
        # Where nothing moved, they are the same commits.
        assert git(work, "rev-parse", "t-merged") == past.session.frontier
    elif how is MergeMethod.PICK:
        assert f"(cherry picked from commit {past.session.experiment(4).commit})" in message
    else:
        assert "- #5 -0.195000 DEPTH = 4 becomes DEPTH = 6" in message
        assert "val_bpb 1.000000 to 0.700000" in message


def test_the_plan_shows_the_worth_of_each_keep_and_writes_nothing(work: Path, past: Past) -> None:
    past.confirm(4, 0.905, 0.9, 0.91)
    past.confirm(2, 0.9, 0.905, 0.895)
    before = everything(work)
    plan = plan_merge(work, past.session, None)
    assert everything(work) == before
    assert [s.experiment for s in plan.keeps] == [2, 4, 5]
    assert plan.noise is not None
    assert plan.noise.commits == 2
    assert plan.noise.sigma == pytest.approx(0.005, rel=1e-3)
    by_number = {s.experiment: s.worth for s in plan.keeps if s.worth is not None}
    assert by_number[2].trust is Trust.CLEAR
    assert by_number[4].trust is Trust.WITHIN
    assert by_number[4].gain == pytest.approx(-0.005)  # what its fresh run says, not the lucky one
    assert by_number[4].runs == 4
    assert plan.recommended is KeepSelection.TRUSTED
    assert "#4" in plan.why
    assert plan.moved == 0


def test_without_a_repeat_no_keep_is_trusted(past: Past) -> None:
    plan = plan_merge(past.path, past.session, None)
    assert plan.noise is None
    assert {s.worth.trust for s in plan.keeps if s.worth} == {Trust.UNKNOWN}
    assert plan.recommended is KeepSelection.ALL
    with pytest.raises(UsageError, match="unknown"):
        select_steps(plan, KeepSelection.TRUSTED)


def test_trusted_only_is_not_recommended_if_keeps_depend_on_others(work: Path) -> None:
    past = Past(work)
    past.keep("MATRIX_LR = 0.04", "MATRIX_LR = 0.05", 0.999)
    past.keep("MATRIX_LR = 0.05", "MATRIX_LR = 0.09", 0.5)
    past.confirm(2, 1.02, 1.0, 1.01, 1.02, 1.0)
    plan = plan_merge(work, past.session, None)
    assert plan.recommended is KeepSelection.ALL
    assert "#3 depends on it" in plan.why
    with pytest.raises(ConflictError, match="depend on #2"):
        make_branch(
            work, plan, select_steps(plan, KeepSelection.TRUSTED), MergeMethod.PICK, "t-merged"
        )


def test_neighbouring_lines_are_noted_and_not_a_conflict(work: Path, past: Past) -> None:
    # Git alone would not take #4 without #2: their lines are next to each other.
    _, merged = take(past, MergeMethod.PICK, KeepSelection.ONLY, (4, 5))
    assert merged.fitted == (4,)
    assert merged.experiments == (4, 5)
    text = git(work, "show", "t-merged:train.py")
    assert "MATRIX_LR = 0.04\nEMBEDDING_LR = 0.8\n" in text
    assert "DEPTH = 6" in text
    picked = git(work, "log", "-1", "--format=%an|%B", "t-merged~")
    assert picked.startswith("Ada|EMBEDDING_LR = 0.6 becomes EMBEDDING_LR = 0.8\n\nExperiment: 4")
    assert f"(cherry picked from commit {past.session.experiment(4).commit})" in picked


@pytest.mark.parametrize("how", list(MergeMethod))
def test_a_base_branch_that_moved(work: Path, past: Past, how: MergeMethod) -> None:
    commit_on_main(work, "prepare.py", "DATA = 1", "DATA = 2")
    commit_on_main(work, "train.py", "import os\n", "import os\nimport sys\n")
    plan, merged = take(past, how)
    assert plan.moved == 2
    assert set(plan.moved_files) == {"train.py", "prepare.py"}
    text = git(work, "show", "t-merged:train.py")
    assert "import sys" in text
    assert "DEPTH = 6" in text
    assert git(work, "merge-base", "main", "t-merged") == git(work, "rev-parse", "main")
    assert merged.onto_commit == git(work, "rev-parse", "main")


@pytest.mark.parametrize("how", list(MergeMethod))
def test_a_conflict_is_shown_and_nothing_is_made(work: Path, past: Past, how: MergeMethod) -> None:
    commit_on_main(work, "train.py", "DEPTH = 4", "DEPTH = 12  # mine")
    make_dirty(work)
    before = everything(work)
    with pytest.raises(ConflictError) as caught:
        take(past, how)
    assert everything(work) == before
    assert not (work / ".autoresearch/t/worktrees/merge").exists()
    assert caught.value.experiment == 5
    (conflict,) = caught.value.conflicts
    (hunk,) = conflict.hunks
    assert (conflict.file, hunk.line) == ("train.py", 14)
    assert (hunk.there, hunk.before, hunk.wanted) == (
        "DEPTH = 12  # mine",
        "DEPTH = 4",
        "DEPTH = 6",
    )
    assert "no branch was created" in str(caught.value)
    assert git(work, "branch", "--list", "t-merged") == ""


def test_a_deleted_file_is_a_conflict_too(work: Path, past: Past) -> None:
    git(work, "rm", "-q", "train.py")
    git(work, "commit", "-qm", "gone")
    with pytest.raises(ConflictError, match="Deleted or renamed on the base branch"):
        take(past)


def test_recorded_conflict_resolutions_are_not_used(work: Path, past: Past) -> None:
    git(work, "config", "rerere.enabled", "true")
    git(work, "config", "rerere.autoUpdate", "true")
    tip = past.session.frontier
    commit_on_main(work, "train.py", "DEPTH = 4", "DEPTH = 12")
    subprocess.run(["git", "-C", work, "cherry-pick", tip], capture_output=True, check=False)
    (work / "train.py").write_text(TRAIN.replace("DEPTH = 4", "DEPTH = 99"))
    git(work, "add", "train.py")
    git(work, "-c", "core.editor=true", "cherry-pick", "--continue")
    git(work, "checkout", "-q", "-B", "main", "HEAD~")
    with pytest.raises(ConflictError) as caught:
        take(past, MergeMethod.PICK, KeepSelection.ONLY, (5,))
    assert caught.value.conflicts[0].hunks[0].there == "DEPTH = 12"


def test_changes_on_the_base_branch_are_omitted(work: Path, past: Past) -> None:
    commit_on_main(work, "train.py", "DEPTH = 4", "DEPTH = 6")
    _, merged = take(past)
    assert merged.experiments == (2, 4)
    assert merged.already_present == ("DEPTH = 4 becomes DEPTH = 6",)
    plan = plan_merge(work, past.session, "t-merged")
    with pytest.raises(UsageError, match="already has all of these changes"):
        make_branch(work, plan, select_steps(plan, KeepSelection.ALL), MergeMethod.PICK, "other")
    assert git(work, "branch", "--list", "other") == ""


def test_program_md_is_merged_only_on_request(work: Path, past: Past) -> None:
    past.charter("Be bold.\n")
    past.keep("WARMDOWN_RATIO = 0.5", "WARMDOWN_RATIO = 0.7", 0.6)
    plan, _ = take(past)
    assert [s.kind for s in plan.steps].count(StepKind.CHARTER) == 1
    assert "program.md" not in git(work, "ls-tree", "--name-only", "t-merged")
    git(work, "branch", "-D", "t-merged")
    take(past, MergeMethod.SQUASH, with_program=True)
    assert git(work, "show", "t-merged:program.md") == "Be bold."


def test_reverted_keeps_are_omitted(work: Path, past: Past) -> None:
    past.take_back(5)
    past.keep("SEED = 42", "SEED = 1", 0.65)
    plan, merged = take(past)
    assert merged.experiments == (2, 4, 6)
    assert [s.experiment for s in plan.steps if s.undone] == [5, 5]
    text = git(work, "show", "t-merged:train.py")
    assert text == past.text().rstrip("\n")
    with pytest.raises(UsageError, match="#5 is not a keep"):
        select_steps(plan, KeepSelection.ONLY, (5,))


def test_a_removal_goes_with_what_it_removes(work: Path, past: Past) -> None:
    text = past.text().replace("MATRIX_LR = 0.05", "MATRIX_LR = 0.04")
    past.note_overruled(2)
    past.experiment(
        "removal of #2", text, value=0.71, origin=Origin.OVERRULE, of=2, forced=Verdict.KEEP
    )
    past.confirm(5, *(0.7, 0.701, 0.702, 0.7, 0.701))
    past.confirm(2, 0.9)
    plan, merged = take(past)
    assert merged.experiments == (2, 4, 5, 6)
    assert git(work, "show", "t-merged:train.py") == text.rstrip("\n")
    assert [s.experiment for s in select_steps(plan, KeepSelection.TRUSTED)] == [4, 5]


def test_a_branch_name_in_use_or_invalid(work: Path, past: Past) -> None:
    plan = plan_merge(work, past.session, None)
    steps = select_steps(plan, KeepSelection.ALL)
    before = everything(work)
    for name in ("main", "autoresearch/t", "-f", "a..b", "", "main/sub"):
        with pytest.raises((UsageError, WorkspaceError)):
            make_branch(work, plan, steps, MergeMethod.PICK, name)
    assert everything(work) == before


def test_a_branch_rebased_or_extended_since(work: Path, past: Past) -> None:
    ref, tip = "refs/heads/autoresearch/t", past.session.frontier
    more = past.workspace.commit_candidate(tip, "train.py", "X = 1\n", "by hand", "refs/x/1")
    git(work, "update-ref", ref, more)
    assert "1 more commit" in plan_merge(work, past.session, None).notes[0]
    git(work, "update-ref", ref, f"{tip}~2")
    git(work, "gc", "--quiet", "--prune=now")
    plan, merged = take(past)
    assert "moved or rebased" in plan.notes[0]
    assert merged.experiments == (2, 4, 5)
    git(work, "update-ref", "-d", ref)
    assert "was deleted" in plan_merge(work, past.session, None).notes[0]


def test_a_detached_head_and_where_the_session_came_from(work: Path, past: Past) -> None:
    git(work, "switch", "-q", "--detach")
    assert plan_merge(work, past.session, None).onto == "main"
    git(work, "branch", "-m", "main", "one")
    assert plan_merge(work, past.session, None).onto == "one"
    git(work, "branch", "two")
    with pytest.raises(UsageError, match="Several branches contain") as caught:
        plan_merge(work, past.session, None)
    assert "one, two" in str(caught.value)
    git(work, "switch", "-q", "two")
    _, merged = take(past)
    assert merged.onto == "two"
    with pytest.raises(UsageError, match="no branch or commit 'three'"):
        plan_merge(work, past.session, "three")


def test_an_unrelated_base_branch(work: Path, past: Past) -> None:
    git(work, "checkout", "-q", "--orphan", "fresh")
    git(work, "commit", "-qm", "another root")
    plan, merged = take(past, onto="fresh")
    assert plan.moved is None
    assert "rebased" in plan.notes[0]
    assert merged.commits == 3


def test_a_shallow_clone(tmp_path: Path, work: Path) -> None:
    commit_on_main(work, "prepare.py", "DATA = 1", "DATA = 2")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", work.as_uri(), str(shallow))
    past = Past(shallow)
    past.keep("DEPTH = 4", "DEPTH = 6", 0.7)
    _, merged = take(past)
    assert merged.experiments == (2,)
    # And a clone that has the journal, but not the session's commits.
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", "--depth", "1", work.as_uri(), str(other))
    with pytest.raises(WorkspaceError, match=r"not in this repository. It is a shallow clone"):
        plan_merge(other, past.session, None)


def test_submodules_and_a_workspace_below_the_top(tmp_path: Path) -> None:
    part = make_repository(tmp_path / "part", {"a.txt": "a\n"})
    top = make_repository(tmp_path / "top", {"lab/train.py": TRAIN, "other.py": "X = 1\n"})
    git(top, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(part), "part")
    git(top, "commit", "-qm", "with a part")
    past = Past(top / "lab")
    past.keep("DEPTH = 4", "DEPTH = 6", 0.7)
    (top / "other.py").write_text("X = 2\n")
    (top / "part" / "a.txt").write_text("changed\n")
    before = everything(top)
    _, merged = take(past, MergeMethod.SQUASH)
    assert everything(top) == before
    assert git(top, "diff", "--name-only", "main", merged.commit) == "lab/train.py"
    assert preview_revert(top / "lab", past.session, 2).is_last


def test_hooks_keys_and_a_missing_name(
    work: Path, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = work / ".git/hooks"
    for name in ("post-checkout", "pre-commit", "commit-msg", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {work}/hook-ran\nexit 1\n")
        (hooks / name).chmod(0o755)
    git(work, "config", "commit.gpgsign", "true")
    git(work, "config", "user.signingkey", "missing-key")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    commit_on_main_quietly(work)
    _, merged = take(past, MergeMethod.SQUASH)
    assert not (work / "hook-ran").exists()
    assert git(work, "log", "-1", "--format=%an", merged.commit) == "autoresearch-tui"


def commit_on_main_quietly(work: Path) -> None:
    """The base branch moves, so that new commits are needed."""
    workspace_tip = git(work, "rev-parse", "main")
    tree = git(work, "rev-parse", "main^{tree}")
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    new = git(work, *who, "commit-tree", tree, "-p", workspace_tip, "-m", "moved")
    git(work, "-c", "core.hooksPath=/dev/null", "update-ref", "refs/heads/main", new)


def test_a_killed_merge_is_cleaned_up_and_two_at_once_are_refused(work: Path, past: Past) -> None:
    left = work / ".autoresearch/t/worktrees/merge"
    git(work, "worktree", "add", "-q", "--detach", str(left), "main")
    (left / "train.py").write_text("half done\n")
    _, merged = take(past)
    assert merged.commits == 3
    git(work, "branch", "-D", "t-merged")
    import fcntl

    with open(work / ".autoresearch/t/merge.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EngineBusyError):
            take(past)


def test_two_sessions_of_one_workspace(work: Path, past: Past) -> None:
    other = Past(work, "second")
    other.keep("SEED = 42", "SEED = 5", 0.99)
    assert [s.experiment for s in plan_merge(work, other.session, None).keeps] == [2]
    _, merged = take(past)
    plan = plan_merge(work, other.session, merged.branch)
    both = make_branch(work, plan, select_steps(plan, KeepSelection.ALL), MergeMethod.PICK, "both")
    text = git(work, "show", f"{both.branch}:train.py")
    assert "SEED = 5" in text
    assert "DEPTH = 6" in text


def test_a_session_that_started_from_the_keeps_of_another(work: Path, past: Past) -> None:
    second = Past(work, "second")
    with pytest.raises(UsageError, match="keeps of session 't'"):
        plan_merge(work, begun_at(second, past.session.frontier), None)


def begun_at(past: Past, commit: str) -> Session:
    """Return the session as if it had started at a commit."""
    return msgspec.structs.replace(past.session, base_commit=commit, frontier=commit)


def test_a_discarded_keep_on_the_branch_is_not_recommended(work: Path, past: Past) -> None:
    past.confirm(4, *(0.894, 0.893, 0.894, 0.895, 0.894))
    said = ev.Overruled(experiment=4, verdict=Verdict.DISCARD, by=Actor.SCREEN, reason="seed luck")
    past.note(said)
    plan = plan_merge(work, past.session, None)
    (four,) = [step for step in plan.steps if step.experiment == 4]
    assert four.unwanted
    assert 4 not in [step.experiment for step in select_steps(plan, KeepSelection.TRUSTED)]
    assert 4 not in [step.experiment for step in select_steps(plan, KeepSelection.ALL)]
    shown = use("merge", work)
    assert "discarded by you" in shown.output


# ---- revert


def test_the_dependents_of_a_keep(work: Path) -> None:
    past = Past(work)
    past.keep("MATRIX_LR = 0.04", "MATRIX_LR = 0.05", 0.9)  # 2
    past.keep("DEPTH = 4", "DEPTH = 6", 0.8)  # 3, independent
    past.keep("MATRIX_LR = 0.05", "MATRIX_LR = 0.09", 0.7)  # 4, on 2
    past.keep("SEED = 42", "SEED = 1", 0.6)  # 5
    found = preview_revert(work, past.session, 2)
    assert found.dependents == (4,)
    assert found.changed_again_by == 4
    assert not found.fits
    assert git(work, "show", f"{found.base}:train.py") == TRAIN.rstrip("\n")
    free = preview_revert(work, past.session, 3)
    assert (free.fits, free.dependents, free.changed_again_by) == (True, (), 0)
    assert [s.experiment for s in free.later] == [4, 5]
    assert preview_revert(work, past.session, 5).is_last
    for number in (1, 9):
        with pytest.raises(UsageError):
            preview_revert(work, past.session, number)


# ---- the verbs


def use(*words: str | Path) -> Result:
    done = CliRunner().invoke(cli, [*map(str, words)])
    assert done.exception is None or isinstance(done.exception, AutoresearchError | SystemExit), (
        repr(done.exception)
    )
    return done


def ask(*words: str | Path) -> Any:
    return json.loads(use(*words, "--json").stdout)


def test_merge_shows_the_plan_then_creates_the_branch(work: Path, past: Past) -> None:
    past.end()
    shown = use("merge", work).stdout
    assert "#5" in shown
    assert "Recommended: all" in shown
    assert "unchanged since" in shown
    facts = ask("merge", work)
    assert [c["experiment"] for c in facts["commits"]] == [2, 4, 5]
    assert facts["chosen"] == [2, 4, 5]
    assert git(work, "branch", "--list", "t-merged") == ""
    refused = use("merge", work, "--how", "squash")
    assert isinstance(refused.exception, UsageError)
    assert "Add --yes" in str(refused.exception)
    made = use("merge", work, "--how", "squash", "--yes").stdout
    assert "git diff main...t-merged" in made
    assert "baseline --new-from t-merged" in made
    again = use("merge", work, "--how", "squash", "--yes")
    assert isinstance(again.exception, UsageError)
    assert "exists already" in str(again.exception)
    some = ask("merge", work, "--how", "pick", "--only", "2,#5", "--as", "some", "--yes")
    assert (some["ok"], some["taken"]) == (True, [2, 5])
    for words in (("--only", "3"), ("--only", "x"), ("--trusted",), ("--trusted", "--all")):
        assert use("merge", work, *words).exit_code != 0


def test_merge_shows_a_conflict_and_fails(work: Path, past: Past) -> None:
    commit_on_main(work, "train.py", "DEPTH = 4", "DEPTH = [red]12[/]\x1b[2J")
    done = use("merge", work, "--how", "pick", "--yes")
    assert isinstance(done.exception, ConflictError)
    assert done.exception.exit_code == 1
    assert "train.py: both changed the same lines" in done.stdout
    assert "DEPTH = [red]12[/]" in done.stdout
    assert "\x1b" not in done.stdout
    facts = ask("merge", work, "--how", "pick", "--yes")
    assert facts["ok"] is False
    assert facts["conflicts"][0]["hunks"][0]["wanted"] == "DEPTH = 6"


def test_revert_only_shows(work: Path, past: Past) -> None:
    shown = use("revert", "2", "-C", work).stdout
    assert "#4    independent" in shown
    assert 'overrule 2 discard --reason "…"' in shown
    facts = ask("revert", "2", "-C", work)
    assert (facts["fits"], facts["stand_on_it"], facts["later"]) == (True, [], [4, 5])
    assert isinstance(use("revert", "3", "-C", work).exception, UsageError)
    assert isinstance(use("revert", "2", "--now", "-C", work).exception, UsageError)


def test_noise_needs_the_same_commit(past: Past) -> None:
    assert noise_of(past.session) is None
    past.confirm(2, *(0.91, 0.89, 0.91, 0.89))
    assert noise_of(past.session) is None
    past.confirm(2, 0.9)
    noise = noise_of(past.session)
    assert noise is not None
    assert noise.sigma == pytest.approx(0.01)
    past.confirm(4, 0.9, 1e200)  # too far away for its square to be a number
    assert noise_of(past.session) is None
