"""Invalid input of every kind: one paragraph with the next step, never a traceback."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from engine.protocol.endpoint import socket_path
from tests.warm import run_warm
from tests.world import TRAIN, git, make_repository, run_command


def refused(*words: str | Path, code: int, says: str, **env: str) -> str:
    """Check that the command fails with a code and one paragraph on stderr that contains a text."""
    done = run_warm(*words, env=env)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr


def test_no_git_repository(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    refused("start", tmp_path, "--yes", code=3, says="git init")


def test_no_such_directory(tmp_path: Path) -> None:
    refused("start", tmp_path / "nowhere", "--yes", code=3, says="There is no directory")


def test_no_train_py(tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "w", {"README.md": "x"})
    refused("start", workspace, "--yes", code=3, says="--file")


def test_a_broken_config(repository: Path) -> None:
    (repository / ".autoresearch").mkdir()
    (repository / ".autoresearch/config.toml").write_text('# mine\nmetric = "x"\nmax = 3\n')
    text = refused("start", repository, "--yes", code=4, says="line 3")
    assert "max_experiments" in text


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--tag", "a b"], "tag"),
        (["--file", "../x.py"], "x.py"),
        (["--command", "python 'x"], "command"),
        (["--agent", "unknown"], "unknown"),
    ],
)
def test_invalid_flags(repository: Path, flags: list[str], says: str) -> None:
    done = run_warm("start", repository, "--yes", *flags)
    assert done.returncode not in (0, 1)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_no_terminal_to_confirm_on(repository: Path) -> None:
    refused("start", repository, code=2, says="--yes")


def test_a_read_only_workspace(repository: Path) -> None:
    if os.getuid() == 0:
        # Root writes anywhere; a file where the directory should be stands for the read-only disk.
        (repository / ".autoresearch").write_text("")
    else:
        repository.chmod(0o555)
    try:
        refused("start", repository, "--yes", code=3, says="cannot be written")
    finally:
        repository.chmod(0o755)


def test_another_program_on_the_socket(repository: Path) -> None:
    path = socket_path(repository)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    try:
        refused("start", repository, "--yes", code=5, says="listens on")
    finally:
        listener.close()


def test_a_runtime_directory_that_is_not_private(repository: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "autoresearch-tui").mkdir(parents=True)
    (shared / "autoresearch-tui").chmod(0o777)
    refused("start", repository, "--yes", code=3, says="private", XDG_RUNTIME_DIR=str(shared))


def test_a_damaged_journal(repository: Path) -> None:
    done = run_warm(
        "run", repository, "--headless", "--yes", "--tag", "t", "--max", "1", "--budget", "0.05"
    )
    assert done.returncode == 0, done.stderr
    journal = repository / ".autoresearch/t/journal.jsonl"
    lines = journal.read_text().splitlines(True)
    journal.write_text("".join([*lines[:2], "{garbage\n", *lines[3:]]))
    refused("start", repository, "--yes", code=8, says="line 3")
    assert "{garbage" in journal.read_text()

    # Verbs that only show something show the legible lines and the error; a merge does nothing.
    shown = run_warm("results", repository)
    assert shown.returncode == 0 and "baseline" in shown.stdout
    assert "damaged" in shown.stderr and "Line 3 cannot be read" in shown.stderr
    written = run_warm("report", repository, "--format", "md", "--out", repository / "out")
    assert written.returncode == 0, written.stderr
    assert "The journal is damaged" in (repository / "out/autoresearch-summary.md").read_text()
    stopped = run_warm("merge", repository)
    assert stopped.returncode == 8 and "autoresearch-tui replay" in stopped.stderr
    # Without its first line the session is still known by its directory.
    journal.write_text("".join(["garbage\n", *lines[1:]]))
    shown = run_warm("results", repository)
    assert shown.returncode == 0 and "session t," in shown.stdout
    report = run_warm("report", repository, "--tag", "t", "--format", "md")
    assert report.returncode == 0 and "/t/report/" in report.stdout, report.stderr
    # Lines that are legible and contradict each other; and one that is nested too deeply.
    ended = next(i for i, line in enumerate(lines) if '"RunEnded"' in line)
    wrong = lines[ended].replace('"experiment":1', '"experiment":7')
    deep = '{"type":"Resumed","seq":9,"by":' + "[" * 100_000 + "\n"
    for damaged in ([*lines[:ended], wrong, *lines[ended + 1 :]], [*lines[:8], deep, *lines[9:]]):
        journal.write_text("".join(damaged))
        for verb in ("results", "report"):
            shown = run_warm(verb, repository)
            assert shown.returncode == 0 and "damaged" in shown.stderr, shown.stderr
        refused("status", repository, code=8, says="replay")
    journal.write_text("")
    shown = run_warm("results", repository)
    assert "holds no complete line" in shown.stderr, shown.stderr


@pytest.mark.parametrize("verb", ["pause", "resume", "stop", "attach"])
def test_no_engine(repository: Path, verb: str) -> None:
    where: list[str | Path] = [repository] if verb == "attach" else ["-C", repository]
    refused(verb, *where, code=6, says="autoresearch-tui start")


@pytest.mark.parametrize("verb", [["status"], ["results"], ["diff", "1"]])
def test_no_session(repository: Path, verb: list[str]) -> None:
    refused(*verb, "-C", repository, code=3, says="There is no session")


def test_no_terminal(repository: Path) -> None:
    text = refused(repository, "--yes", code=9, says="terminal")
    assert "autoresearch-tui status" in text
    assert not (repository / ".autoresearch").exists()


def test_an_unknown_verb_and_an_unknown_experiment(repository: Path) -> None:
    done = run_command("strat")
    assert done.returncode == 2
    assert "strat" in done.stderr
    run_warm("run", repository, "--headless", "--yes", "--max", "1", "--budget", "0.05")
    refused("diff", "9", "-C", repository, code=2, says="no experiment 9")


def test_init_needs_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    refused("init", tmp_path / "full", code=3, says="not empty")
    assert sorted(p.name for p in (tmp_path / "full").iterdir()) == ["mine.txt"]


def test_init_makes_a_complete_workspace(tmp_path: Path) -> None:
    done = run_warm("init", tmp_path / "w", "--profile", "cpu")
    assert done.returncode == 0, done.stderr
    assert git(tmp_path / "w", "status", "--porcelain") == ""
    facts = json.loads(run_warm("check", "--json", "-C", tmp_path / "w").stdout)
    named = {f["name"]: f for f in facts["findings"]}
    assert named["workspace"]["ok"]
    assert named["sandbox"]["value"] == "none"
    assert facts["platform"]["cores"] >= 1


def test_help_version_and_completion() -> None:
    for words in (["--help"], ["run", "--help"], ["--version"], ["completion", "bash"]):
        done = run_command(*words)
        assert done.returncode == 0
        assert done.stdout
    assert "Exit codes" in run_command("--help").stdout


def test_results_and_status_as_json(repository: Path) -> None:
    run_warm("run", repository, "--headless", "--yes", "--max", "3", "--budget", "0.05")
    facts = json.loads(run_warm("status", "--json", "-C", repository).stdout)
    assert facts["state"] == "ended"
    assert facts["engine_pid"] is None
    assert facts["counts"]["total"] == 3
    assert facts["best"]["metric"] > 0
    table = json.loads(run_warm("results", "--json", "--top", "2", "-C", repository).stdout)
    assert table["metric"] == "val_bpb"
    values = [row["metric"] for row in table["rows"]]
    assert values == sorted(values)
    assert len(values) == 2
    human = run_warm("results", "--kept", "-C", repository).stdout
    assert "baseline" in human
