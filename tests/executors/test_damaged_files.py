"""A run's own directory is untrusted: whatever it does there, the engine neither hangs nor errs."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.executors.local import ExitReport, RunHandle, RunSecret
from engine.store.log_file import LogFile
from engine.untrusted_files import read_regular, write_new
from tests.executors.test_supervisor import begin, finish, survivors
from tests.world import wait_for

REPORT = {
    "exit_code": 0,
    "signal": None,
    "killed_by": None,
    "started_at": 1.0,
    "ended_at": 2.0,
    "seconds": 1.0,
    "peak_rss_bytes": 1,
}
WRONG_TEXTS = {
    "empty": "",
    "cut": json.dumps(REPORT)[:40],
    "a list": "[]",
    "a list of reports": json.dumps([REPORT]),
    "a number": "1",
    "deep": "[" * 200_000,
    "deep objects": '{"exit_code":' * 200_000,
    "a deep unknown key": json.dumps(REPORT)[:-1] + ', "x": ' + "[" * 200_000,
    "not UTF-8": "\udcff",
    "a missing key": json.dumps({k: v for k, v in REPORT.items() if k != "seconds"}),
    "a text": json.dumps({**REPORT, "seconds": "1"}),
    "a negative time": json.dumps({**REPORT, "seconds": -1.0}),
    "infinite": json.dumps({**REPORT, "seconds": 1.0}).replace("1.0", "1e999"),
    "NaN": json.dumps({**REPORT, "seconds": float("nan")}),
    "a large exit code": json.dumps({**REPORT, "exit_code": 10**30}),
    "a float as exit code": json.dumps({**REPORT, "exit_code": 0.5}),
    "another reason": json.dumps({**REPORT, "killed_by": "\x1b[2J"}),
    "much memory": json.dumps({**REPORT, "peak_rss_bytes": 2**64}),
    "huge": json.dumps(REPORT) + " " * (1 << 20),
}
NOT_FILES: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a directory": lambda path: path.mkdir(),
    "a link": lambda path: path.symlink_to(path.with_name("elsewhere.json")),
    "a link to itself": lambda path: path.symlink_to(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("kind", WRONG_TEXTS)
def test_a_report_that_is_damaged_is_not_taken(tmp_path: Path, kind: str) -> None:
    (tmp_path / "exit.json").write_text(WRONG_TEXTS[kind], "utf-8", "surrogateescape")
    handle = RunHandle(tmp_path)
    assert handle.report() is None
    assert handle.report_fault.startswith("exit.json: ")


@pytest.mark.parametrize("kind", NOT_FILES)
def test_what_is_not_a_file_is_not_taken_for_a_report(tmp_path: Path, kind: str) -> None:
    (tmp_path / "elsewhere.json").write_text(json.dumps(REPORT))
    NOT_FILES[kind](tmp_path / "exit.json")
    NOT_FILES[kind](tmp_path / "alive.lock")
    handle = RunHandle(tmp_path)
    assert not handle.alive()
    assert handle.report() is None
    assert handle.report_fault.startswith("exit.json: ")


@pytest.mark.parametrize("kind", NOT_FILES)
def test_what_is_not_a_file_is_not_shown_as_a_log(tmp_path: Path, kind: str) -> None:
    (tmp_path / "elsewhere.json").write_text("a secret\n")
    NOT_FILES[kind](tmp_path / "run.log")
    log = LogFile(tmp_path / "run.log")
    log.poll()
    assert not log.exists
    log.advance()
    assert len(log) == 0
    with pytest.raises(OSError, match=r"run\.log"):
        RunHandle(tmp_path).open_log()
    with pytest.raises(OSError, match=r"run\.log"):
        read_regular(tmp_path / "run.log", 100)


@pytest.mark.parametrize("kind", NOT_FILES)
def test_what_bears_the_name_of_a_new_file_is_not_written_to(tmp_path: Path, kind: str) -> None:
    (tmp_path / "elsewhere.json").write_text("kept")
    NOT_FILES[kind](tmp_path / "proposal.md")
    write_new(tmp_path / "proposal.md", "new")
    assert read_regular(tmp_path / "proposal.md", 100) == b"new"
    assert (tmp_path / "elsewhere.json").read_text() == "kept"


def test_a_report_of_an_earlier_version_counts_only_for_its_own_runs(tmp_path: Path) -> None:
    (tmp_path / "exit.json").write_text(json.dumps({**REPORT, "leftover_processes": 0}))
    assert RunHandle(tmp_path).report() == ExitReport(0, None, None, 1.0, 2.0, 1.0, 1)
    newer = RunHandle(tmp_path, report_digest=RunSecret().digest)
    assert newer.report() is None
    assert newer.report_fault == "exit.json was not written by the run's supervisor"


FORGER = """
    import ctypes, json, os, signal
    ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)   # so as not to end with its supervisor
    supervisor, directory = os.getppid(), os.environ["AUTORESEARCH_RUN"]
    print("val_bpb: 0.1", flush=True)
    os.kill(supervisor, signal.SIGKILL)
    with open(directory + "/exit.json", "w") as file:
        json.dump({report}, file)
"""


def test_a_forged_report_does_not_count(tmp_path: Path) -> None:
    handle = begin(tmp_path, FORGER.format(report={**REPORT, "secret": "x"}))
    assert asyncio.run(handle.wait()) is None
    wait_for((handle.directory / "exit.json").exists, "the forged report")
    wait_for(lambda: not survivors(tmp_path), "the end of the forger")
    assert handle.report() is None
    assert "was not written by the run's supervisor" in handle.report_fault


SNOOPER = """
    import os
    from pathlib import Path
    supervisor = os.getppid()
    for name in (f"{supervisor}/environ", f"{supervisor}/cmdline", "self/environ"):
        try:
            print(Path("/proc", name).read_bytes())
        except PermissionError:
            pass
    for file in Path(os.environ["AUTORESEARCH_RUN"]).iterdir():
        print(file, file.read_bytes())
    print("open:", sorted(map(int, os.listdir("/proc/self/fd"))))
"""


def test_the_secret_is_not_where_the_run_can_look(tmp_path: Path) -> None:
    handle = begin(tmp_path, SNOOPER)
    report = finish(handle)
    assert len(report.secret) == 64
    shown = handle.log.read_text()
    assert report.secret not in shown
    assert "open: [0, 1, 2, 3]" in shown  # the last one is the list itself


@pytest.mark.skipif(os.geteuid() == 0, reason="root may trace every process")
def test_the_run_cannot_trace_its_supervisor(tmp_path: Path) -> None:
    code = "import os; open(f'/proc/{os.getppid()}/mem', 'rb')"
    handle = begin(tmp_path, code)
    assert finish(handle).exit_code == 1
    assert "PermissionError" in handle.log.read_text()


VANDAL = """
    import os, shutil
    from pathlib import Path
    directory = Path(os.environ["AUTORESEARCH_RUN"])
    print("one", flush=True)
    for name in ("run.log", "exit.json", "alive.lock", "supervisor.log"):
        path = directory / name
        path.unlink(missing_ok=True)
        {act}
    print("val_bpb: 1.5", flush=True)
"""
ACTS = {
    "a pipe": "os.mkfifo(path)",
    "a directory": "path.mkdir(); (path / 'x').touch()",
    "a link": "path.symlink_to('/dev/zero')",
    "nothing": "pass",
    "a closed directory": "directory.chmod(0)",
}


@pytest.mark.parametrize("act", ACTS)
def test_what_a_run_does_to_its_directory_changes_neither_report_nor_log(
    tmp_path: Path, act: str
) -> None:
    handle = begin(tmp_path, VANDAL.format(act=ACTS[act]))
    assert finish(handle).exit_code == 0
    assert handle.log.read_text() == "one\nval_bpb: 1.5\n"


def test_the_log_that_the_engine_reads_is_the_one_it_created(tmp_path: Path) -> None:
    code = """
        import os, time
        from pathlib import Path
        log = Path(os.environ["AUTORESEARCH_RUN"], "run.log")
        log.unlink()
        log.write_text("val_bpb: 0.1\\n")
        print("val_bpb: 1.5", flush=True)
    """
    handle = begin(tmp_path, code)
    descriptor = handle.open_log()
    finish(handle)
    assert os.pread(descriptor, 100, 0) == b"val_bpb: 1.5\n"
    os.close(descriptor)
    assert handle.log.read_text() == "val_bpb: 1.5\n"


def test_a_run_cannot_read_or_overwrite_what_it_has_printed(tmp_path: Path) -> None:
    code = """
        import fcntl, os
        print("one", flush=True)
        flags = fcntl.fcntl(1, fcntl.F_GETFL)
        assert flags & os.O_ACCMODE == os.O_WRONLY and flags & os.O_APPEND
        os.lseek(1, 0, os.SEEK_SET)
        print("two", flush=True)
    """
    handle = begin(tmp_path, code)
    assert finish(handle).exit_code == 0
    assert handle.log.read_text() == "one\ntwo\n"


def test_what_an_earlier_run_put_in_the_place_of_the_directory_is_set_aside(
    tmp_path: Path,
) -> None:
    planted = tmp_path / "run-1"
    planted.mkdir()
    for name in ("exit.json", "run.log", "alive.lock", "supervisor.log"):
        os.mkfifo(planted / name)
    handle = begin(tmp_path, "print('here')")
    assert finish(handle).exit_code == 0
    assert handle.log.read_text() == "here\n"
    assert sorted(p.name for p in tmp_path.glob("run-1*")) == ["run-1", "run-1.old-1", "run-1.py"]
