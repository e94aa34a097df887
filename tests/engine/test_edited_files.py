"""Sessions that edit several files as one edit, or a file that is not Python."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.client.sessions import details
from engine.core.enums import Verdict
from tests.engine.test_llm_session import edit, run
from tests.journals import read_session
from tests.model_server import Answer
from tests.warm import run_warm
from tests.world import git, make_repository

pytestmark = pytest.mark.usefixtures("engines")

TOP = Path(__file__).parents[2]
TRAIN = """\
from model import WIDTH
RATE = 0.04
print(f"val_loss: {1 + (RATE - 0.05) ** 2 + (WIDTH - 4) ** 2 / 8:.6f}")
"""
MODEL = "WIDTH = 3\n# more\n"


@pytest.fixture
def two_files(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "w", {"train.py": TRAIN, "model.py": MODEL})


def test_a_model_edits_two_files_as_one_experiment(two_files: Path) -> None:
    answer = edit("RATE = 0.04", "RATE = 0.05") + (
        "FILE: model.py\n<<<<<<< SEARCH\nWIDTH = 3\n=======\nWIDTH = 4\n>>>>>>> REPLACE\n"
    )
    one = edit("WIDTH = 4", "WIDTH = 5")
    server = run(
        two_files,
        [Answer(text=answer), Answer(text=one)],
        *("--file", "train.py", "--file", "model.py", "--max", "3", "--lookahead", "0"),
        *("--direction", "min", "--command", f"{sys.executable} train.py"),
    )
    session = read_session(two_files)
    assert session.config.files == ("train.py", "model.py")
    assert "model.py" not in (session.locked or {})
    second, third = session.experiment(2), session.experiment(3)
    assert (second.verdict, third.verdict) == (Verdict.KEEP, Verdict.DISCARD)
    assert second.measurement is not None
    assert second.measurement.metric == 1
    assert second.proposal.knobs == {"RATE": ("0.04", "0.05"), "WIDTH": ("3", "4")}
    patch = details(two_files, session.config.tag, 2).patch
    assert "+++ b/train.py" in patch
    assert "+++ b/model.py" in patch
    assert git(two_files, "show", f"{session.frontier}:model.py") == MODEL.replace("3", "4").strip()
    changed = git(two_files, "show", "--format=", "--name-only", second.commit)
    assert changed.split() == ["model.py", "train.py"]
    assert git(two_files, "show", "--format=", "--name-only", third.commit) == "model.py"
    prompt = server.requests[1].prompt
    assert "The editable files: train.py, model.py" in prompt
    assert "## model.py\n\n```python\nWIDTH = 4" in prompt
    assert git(two_files, "status", "--porcelain", "--untracked-files=no") == ""
    _merge_onto_neighbouring_changes(two_files, session.config.tag)


def _merge_onto_neighbouring_changes(workspace: Path, tag: str) -> None:
    """Merge a keep of two files onto a branch that changed the lines beside both changes."""
    train = TRAIN.replace("import WIDTH\n", "import WIDTH  # changed\n")
    (workspace / "train.py").write_text(train)
    (workspace / "model.py").write_text(MODEL.replace("# more", "# other"))
    git(workspace, "commit", "-qam", "neighbours")
    revert = run_warm("revert", "-C", workspace, "2", "--tag", tag)
    assert revert.returncode == 0, revert.stderr
    words = ("--tag", tag, "--how", "squash", "--as", "merged", "--yes")
    merged = run_warm("merge", "-C", workspace, *words)
    assert merged.returncode == 0, merged.stdout + merged.stderr
    assert git(workspace, "show", "merged:train.py") == train.replace("0.04", "0.05").strip()
    assert git(workspace, "show", "merged:model.py") == "WIDTH = 4\n# other"


def test_a_coding_agent_may_edit_both_files_and_no_other(two_files: Path) -> None:
    (two_files / "train.py").write_text(TRAIN + "# more\n")
    git(two_files, "commit", "-qam", "a line that the scripted agent looks for")
    cli = f"{sys.executable} {TOP / 'tests' / 'acp_agent.py'} --scenario both_files"
    done = run_warm(
        *("run", two_files, "--headless", "--yes", "--tag", "t", "--agent", "acp", "--cli", cli),
        *("--file", "train.py", "--file", "model.py", "--max", "2", "--direction", "min"),
        *("--command", f"{sys.executable} train.py"),
        env={"PYTHONPATH": str(TOP)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    session = read_session(two_files, "t")
    assert session.experiment(2).verdict is Verdict.KEEP
    patch = details(two_files, "t", 2).patch
    assert "+WIDTH = 4" in patch
    assert "+RATE = 0.05" in patch
    assert "other.py" not in patch


def test_the_search_changes_the_values_of_a_settings_file(tmp_path: Path) -> None:
    train = (
        "rate = float(open('conf/a.yaml').read().split('rate:')[1].split()[0])\n"
        "print(f'val_loss: {abs(rate - 0.9):.6f}')\n"
    )
    conf = "# All settings.\noptim:\n  rate:  0.1   # the peak\nseed: 3\n"
    workspace = make_repository(tmp_path / "w", {"train.py": train, "conf/a.yaml": conf})
    done = run_warm(
        *("run", workspace, "--headless", "--yes", "--tag", "t", "--agent", "search"),
        *("--file", "conf/a.yaml", "--max", "4", "--direction", "min"),
        *("--command", f"{sys.executable} train.py"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    session = read_session(workspace, "t")
    assert session.config.locked == ("train.py",)
    assert any("conf/a.yaml is YAML" in note for note in session.notes)
    kept = [e for e in session.experiments[1:] if e.verdict is Verdict.KEEP]
    assert kept
    (change,) = kept[-1].proposal.knobs.items()
    assert change[0] == "optim.rate"
    text = git(workspace, "show", f"{session.frontier}:conf/a.yaml")
    assert text == conf.replace("0.1", change[1][1]).strip()


def test_a_file_of_another_language_waits_for_the_user(tmp_path: Path) -> None:
    files = {"run.sh": "RATE=4\necho val_loss: $((9 - RATE))\n"}
    workspace = make_repository(tmp_path / "w", files)
    run(
        workspace,
        [Answer(text=edit("RATE=4", "RATE=5"))],
        *("--file", "run.sh", "--metric", "val_loss", "--direction", "min", "--max", "2"),
        *("--command", "bash run.sh", "--lookahead", "0", "--autonomy", "auto"),
    )
    session = read_session(workspace)
    assert session.experiment(2).verdict is Verdict.KEEP
    assert [f.rule for f in session.experiment(2).findings] == ["not-python"]
    assert any("run.sh is not Python" in note for note in session.notes)
