"""Before the baseline it is proved that runs use the file that is edited."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.client.request import send_command
from engine.client.sessions import engine_pid
from engine.core import events as ev
from engine.core.enums import AlarmKind, SessionState, StopMode
from engine.core.layout import Layout
from engine.executors.local import RunHandle
from engine.protocol import commands
from tests.engine.test_ratchet import check_books, run, session_of, start, until
from tests.journals import read_journal
from tests.world import git, make_repository, stop_everything, wait_for

pytestmark = pytest.mark.usefixtures("engines")

SCRIPT = "ALPHA = 0.3\nWIDTH = 4\nprint(f'val_loss: {(ALPHA - 0.5) ** 2 + (WIDTH - 6) ** 2:.6f}')\n"
METRIC = ("--metric", "val_loss", "--direction", "min")


def probed(workspace: Path) -> ev.EditProbed:
    """Return the last event about the use of the edited file."""
    events = read_journal(Layout(workspace, "t").journal)
    return [e for e in events if isinstance(e, ev.EditProbed)][-1]


def test_a_script_that_is_edited_is_used(tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "work", {"train.py": SCRIPT})
    run(workspace, *METRIC, "--max", "2")
    assert probed(workspace).used is True
    session = session_of(workspace)
    assert session.edit_use is not None and session.edit_use.used is True
    assert session.counts.total == 2
    check_books(workspace)


def test_a_shell_script_that_names_the_checkout_is_refused(tmp_path: Path) -> None:
    workspace = tmp_path / "work"
    script = f'#!/bin/sh\ncd "{workspace}" && exec {sys.executable} train.py\n'
    make_repository(workspace, {"train.py": SCRIPT, "train.sh": script})
    (workspace / "train.sh").chmod(0o755)
    git(workspace, "commit", "--quiet", "-am", "executable")
    out = run(workspace, *METRIC, "--max", "2", "--command", "./train.sh", code=7)
    words = " ".join(out.split())
    assert "The run command does not run the file that is edited" in words
    assert f"It uses {workspace}/train.py" in words
    assert "./train.sh, line 2 names your checkout" in words
    assert "--no-probe" in words
    session = session_of(workspace)
    assert session.edit_use is not None and session.edit_use.used is False
    assert not session.experiments[0].runs


def test_a_program_that_ignores_the_file_is_refused(tmp_path: Path) -> None:
    workspace = make_repository(
        tmp_path / "work", {"train.py": SCRIPT, "other.py": "print('val_loss: 1.0')\n"}
    )
    python = f"{sys.executable} other.py"
    out = run(workspace, *METRIC, "--max", "2", "--command", python, code=7)
    assert "It printed val_loss although train.py was unusable." in " ".join(out.split())


def test_without_the_check_the_session_runs_and_warns_of_equal_results(tmp_path: Path) -> None:
    workspace = make_repository(
        tmp_path / "work", {"train.py": SCRIPT, "other.py": "print('val_loss: 1.0')\n"}
    )
    python = f"{sys.executable} other.py"
    run(workspace, *METRIC, "--max", "5", "--command", python, "--no-probe")
    session = session_of(workspace)
    assert session.edit_use is None
    doubts = [a.message for a in session.alarms if a.kind is AlarmKind.DOUBT]
    assert len(doubts) == 1
    assert doubts[0].startswith("#1, #2, #3 have different code and exactly the same val_loss")


def test_a_file_for_which_any_text_is_valid_is_used_if_python_opens_it(tmp_path: Path) -> None:
    reader = "print('val_loss:', len(open('prompt.txt').read()) / 7)\n"
    workspace = make_repository(tmp_path / "work", {"prompt.txt": "A = 1\n", "eval.py": reader})
    python = f"{sys.executable} eval.py"
    flags = ("--file", "prompt.txt", "--command", python, "--max", "1")
    run(workspace, *METRIC, *flags)
    assert probed(workspace).used is True
    assert probed(workspace).reason == "The run opened prompt.txt."


def test_where_it_is_not_known_the_user_is_told(tmp_path: Path) -> None:
    workspace = make_repository(
        tmp_path / "work", {"prompt.txt": "A = 1\n", "eval.sh": "echo val_loss: 1.5\n"}
    )
    flags = ("--file", "prompt.txt", "--command", "sh eval.sh", "--max", "1")
    run(workspace, *METRIC, *flags)
    assert probed(workspace).used is None
    alarms = [a.message for a in session_of(workspace).alarms]
    assert any("It is not known whether runs use the edited file." in text for text in alarms)


SLOW = "import time\nwhile True:\n    time.sleep(0.05)\n"


def test_a_stop_ends_the_check(tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "work", {"train.py": SCRIPT, "other.py": SLOW})
    start(workspace, *METRIC, "--command", f"{sys.executable} other.py")
    until(workspace, lambda s: s.state is SessionState.PROBING, "the check")
    handle = RunHandle(Layout(workspace, "t").experiment(1) / "probe")
    wait_for(handle.alive, "its process")
    send_command(workspace, commands.StopSession(mode=StopMode.NOW))
    wait_for(lambda: engine_pid(workspace) is None, "the session's end")
    assert not handle.alive()
    assert session_of(workspace).edit_use is None


def test_a_check_whose_engine_was_killed_is_made_again(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    other = f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.02)\n"
    workspace = make_repository(
        tmp_path / "work", {"train.py": SCRIPT, "other.py": other + "import train\n"}
    )
    flags = (*METRIC, "--command", f"{sys.executable} other.py", "--max", "1")
    start(workspace, *flags)
    until(workspace, lambda s: s.state is SessionState.PROBING, "the check")
    handle = RunHandle(Layout(workspace, "t").experiment(1) / "probe")
    wait_for(handle.alive, "its process")
    stop_everything(workspace)
    gate.touch()
    run(workspace, *flags)
    assert probed(workspace).used is True
    assert session_of(workspace).counts.total == 1
    assert not handle.alive()


def test_each_of_several_files_is_checked_by_itself(tmp_path: Path) -> None:
    files = {"train.py": f"import model\n{SCRIPT}", "model.py": "X = 1\n", "other.py": "Y = 1\n"}
    workspace = make_repository(tmp_path / "work", files)
    names = ("--file", "train.py", "--file", "model.py", "--file", "other.py")
    run(workspace, *METRIC, *names, "--max", "1")
    assert probed(workspace).used is True
    alarms = [
        e.message
        for e in read_journal(Layout(workspace, "t").journal)
        if isinstance(e, ev.AlarmRaised) and e.kind is AlarmKind.RUN
    ]
    assert alarms == ["Runs do not use other.py: an edit of it alone changes nothing."]


def test_a_value_before_the_file_is_read_does_not_count_where_the_run_fails(tmp_path: Path) -> None:
    other = "print('val_loss: 9.5', flush=True)\nimport train\n"
    workspace = make_repository(tmp_path / "work", {"train.py": SCRIPT, "other.py": other})
    run(workspace, *METRIC, "--max", "1", "--command", f"{sys.executable} other.py")
    assert probed(workspace).used is True


def test_a_file_that_is_copied_and_run_elsewhere_is_used(tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    copy = f"mkdir -p {place}\ncp train.py {place}\n"
    script = f"#!/bin/sh\n{copy}exec {sys.executable} {place}/train.py\n"
    workspace = make_repository(tmp_path / "work", {"train.py": SCRIPT, "train.sh": script})
    run(workspace, *METRIC, "--max", "3", "--command", "sh train.sh")
    assert probed(workspace).used is True
    assert not any(experiment.doubts for experiment in session_of(workspace).experiments)


def test_the_check_is_made_again_after_a_baseline_that_failed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    workspace = tmp_path / "work"
    # A Python without the variables lists nothing, so that only the check can tell.
    python = f"env -i {sys.executable} -c 'exec(open(\"{workspace}/train.py\").read())'"
    script = f"#!/bin/sh\n[ -e {ready} ] || exit 1\n{python}\n"
    make_repository(workspace, {"train.py": SCRIPT, "train.sh": script})
    flags = (*METRIC, "--max", "2", "--command", "sh train.sh")
    run(workspace, *flags, code=7)
    assert probed(workspace).used is True
    ready.touch()
    out = run(workspace, *flags, code=7)
    assert probed(workspace).used is False
    assert "The run command does not run the file that is edited" in " ".join(out.split())


def test_a_run_that_installs_its_worktree_raises_one_alarm(tmp_path: Path) -> None:
    workspace = make_repository(
        tmp_path / "work", {"train.py": SCRIPT, ".gitignore": ".venv\n", "other.py": ""}
    )
    site = workspace / ".venv" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    (workspace / ".venv" / "pyvenv.cfg").write_text("")
    script = f"echo $PWD > {site}/tiny.pth && exec {sys.executable} train.py"
    run(workspace, *METRIC, "--max", "2", "--command", f"sh -c '{script}'")
    alarms = [a.message for a in session_of(workspace).alarms if a.kind is AlarmKind.RUN]
    assert len(alarms) == 1
    assert alarms[0].startswith(f"#1 installed its worktree, which is temporary: {site}/tiny.pth")
