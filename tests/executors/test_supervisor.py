"""The run supervisor against real processes: nothing outlives its deadline, nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import py_compile
import resource
import shutil
import signal
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from engine.core.command_line import parse_command
from engine.executors import supervisor
from engine.executors.local import ExitReport, RunHandle, _supervisor_script, start_run
from tests.world import DEADLINE_SECONDS, wait_for


def begin(
    tmp_path: Path,
    code: str,
    *,
    deadline: float = DEADLINE_SECONDS,
    cap: int = 8 << 20,
    name: str = "run-1",
    secrets: tuple[str, ...] = (),
) -> RunHandle:
    script = tmp_path / f"{name}.py"
    script.write_text(textwrap.dedent(code))
    return start_run(
        tmp_path / name,
        command=parse_command(f"{sys.executable} {script}"),
        cwd=tmp_path,
        environment={**os.environ, "MARK": str(tmp_path)},
        deadline_seconds=deadline,
        log_cap_bytes=cap,
        redacted=secrets,
    )


def finish(handle: RunHandle) -> ExitReport:
    report = asyncio.run(handle.wait())
    assert report is not None, (handle.directory / "supervisor.log").read_text()
    return report


def survivors(tmp_path: Path) -> list[int]:
    """Return the processes with this test's mark in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MARK") == str(tmp_path) and process.status() != "zombie":
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_exit_code_output_and_figures(tmp_path: Path) -> None:
    handle = begin(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    report = finish(handle)
    assert (report.exit_code, report.signal, report.killed_by) == (3, None, None)
    assert sorted(handle.log.read_text().split()) == ["err", "out"]
    assert report.seconds > 0
    assert report.peak_rss_bytes > 5 << 20
    assert not handle.alive()


def test_a_signal_is_told_apart_from_an_exit(tmp_path: Path) -> None:
    report = finish(begin(tmp_path, "import os; os.kill(os.getpid(), 11)"))
    assert (report.exit_code, report.signal) == (None, 11)


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    handle = start_run(
        tmp_path / "r",
        command=parse_command("no-such-command --x"),
        cwd=tmp_path,
        environment=os.environ,
        deadline_seconds=5,
        log_cap_bytes=1 << 20,
    )
    assert finish(handle).exit_code == 127
    assert "no-such-command" in handle.log.read_text()


STUBBORN = """
    import os, signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    def stay():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)
    if os.fork() == 0:          # a plain child
        stay()
    if os.fork() == 0:          # a daemon: session of its own, parent gone
        os.setsid()
        if os.fork() == 0:
            stay()
        os._exit(0)
    print("up", flush=True)
    {end}
"""


def until_deadline(tmp_path: Path, code: str) -> tuple[RunHandle, ExitReport]:
    """Run code up to a deadline that this machine reaches only after its start."""
    for seconds in (1.0, 8.0, 64.0):
        handle = begin(tmp_path, code, deadline=seconds, name=f"run-{seconds:g}")
        report = finish(handle)
        if "up" in handle.log.read_text():
            return handle, report
        assert survivors(tmp_path) == []
    raise AssertionError("the code did not start within a minute")


@pytest.mark.parametrize("by", ["deadline", "request", "exit"])
def test_the_whole_tree_dies(tmp_path: Path, by: str) -> None:
    code = STUBBORN.format(end="os._exit(0)" if by == "exit" else "stay()")
    if by == "deadline":
        handle, report = until_deadline(tmp_path, code)
    else:
        handle = begin(tmp_path, code)
        if by == "request":
            wait_for(lambda: handle.log.exists() and "up" in handle.log.read_text(), "the start")
            handle.kill()
        report = finish(handle)
    assert report.killed_by == (None if by == "exit" else by)
    written = json.loads((handle.directory / "exit.json").read_text())
    assert written["leftover_processes"] >= 1  # the second may not have started yet
    assert survivors(tmp_path) == []


def test_a_chain_that_forks_and_exits_is_caught(tmp_path: Path) -> None:
    code = """
        import os, time
        def chain():
            while True:
                if os.fork():
                    os._exit(0)
                os.setsid()
                time.sleep(0.002)
        if os.fork() == 0:
            chain()
        time.sleep(0.1)
    """
    finish(begin(tmp_path, code))
    assert survivors(tmp_path) == []


def test_if_the_supervisor_is_killed_the_training_dies_with_it(tmp_path: Path) -> None:
    handle = begin(tmp_path, "import time; print('up', flush=True); time.sleep(60)")
    wait_for(lambda: handle.log.exists() and "up" in handle.log.read_text(), "the start")
    assert handle.pid is not None
    os.kill(handle.pid, signal.SIGKILL)
    assert asyncio.run(handle.wait()) is None
    wait_for(lambda: not survivors(tmp_path), "the end of the training process")


def test_another_engine_finds_the_run_and_its_end(tmp_path: Path) -> None:
    handle = begin(
        tmp_path, "import os, time\nwhile not os.path.exists('end'):\n    time.sleep(0.01)"
    )
    found = RunHandle(handle.directory)
    assert found.pid == handle.pid
    (tmp_path / "end").touch()
    report = asyncio.run(found.wait())
    assert report is not None
    assert report.exit_code == 0
    ended = RunHandle(handle.directory)
    assert not ended.alive()
    assert ended.report() == report
    never = RunHandle(tmp_path / "never")
    assert not never.alive()
    assert never.report() is None
    finish(handle)


def test_a_huge_log_keeps_head_and_tail(tmp_path: Path) -> None:
    code = """
        print("first line")
        for n in range(600):
            print("x" * 100_000)
        print("val_bpb: 1.5")
    """
    handle = begin(tmp_path, code, cap=2 << 20)
    report = finish(handle)
    text = handle.log.read_text()
    if report.killed_by == "log flood":
        pytest.skip("this file system cannot free the middle of a file")
    assert text.startswith("first line")
    assert text.endswith("val_bpb: 1.5\n")
    assert report.log_bytes_dropped > 0
    assert "bytes of output were dropped here" in text


def test_secrets_in_the_log_are_overwritten_while_the_run_goes_on(tmp_path: Path) -> None:
    """The text around them stays at its place in the file, which the run goes on writing to."""
    key, lab = "sk-0123456789", "s3cret/value"
    code = f"""
        import time
        print("key {key} end", flush=True)
        print("half sk-01234", end="", flush=True)
        while not __import__("os").path.exists({str(tmp_path / "go")!r}):
            time.sleep(0.01)
        print("56789; s3cret%2Fvalue", flush=True)
    """
    handle = begin(tmp_path, code, secrets=(key, "x" * 4000, lab))
    first = f"key {'*' * len(key)} end\n"
    wait_for(lambda: handle.log.read_text().startswith(first), "the first secret's end")
    assert handle.alive()
    (tmp_path / "go").touch()
    finish(handle)
    rest = f"half {'*' * len(key)}; {'*' * len('s3cret%2Fvalue')}\n"
    assert handle.log.read_text() == first + rest


def test_secrets_in_a_log_of_any_size_are_overwritten(tmp_path: Path) -> None:
    key = "sk-0123456789"
    code = f"""
        import os
        for number in range(400):
            os.write(1, b"{key} " * 20_000)
    """
    handle = begin(tmp_path, code, secrets=(key,), cap=16 << 20)
    assert finish(handle).log_bytes_dropped > 0
    assert key not in handle.log.read_text()


def test_a_run_that_the_machine_cannot_start_yet_is_started_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor's fork fails three times; an experiment would be lost by three such runs."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    calls = "clone,clone3,fork,vfork"
    wrapper = tmp_path / "python"
    fault = f"inject={calls}:error=EAGAIN:when=1..3"
    wrapper.write_text(
        f"#!/bin/sh\nexec {strace} -q -o {tmp_path}/calls -e trace={calls} -e {fault} "
        f'{sys.executable} "$@"\n'
    )
    wrapper.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(wrapper))
        handle = start_run(
            tmp_path / "run",
            command=parse_command("echo out"),
            cwd=tmp_path,
            environment=os.environ,
            deadline_seconds=DEADLINE_SECONDS,
            log_cap_bytes=1 << 20,
        )
    report = finish(handle)
    assert (tmp_path / "calls").read_text().count("INJECTED") == 3
    assert (report.exit_code, handle.log.read_text()) == (0, "out\n")


def test_a_compiled_supervisor_is_used_unless_its_source_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, compiled = tmp_path / "supervisor.py", tmp_path / "supervisor.pyc"
    shutil.copyfile(supervisor.__file__, source)
    monkeypatch.setattr(supervisor, "__file__", str(source))
    monkeypatch.setattr(supervisor, "__spec__", SimpleNamespace(cached=str(compiled)))
    assert _supervisor_script() == str(source)
    py_compile.compile(str(source), cfile=str(compiled))
    assert _supervisor_script() == str(compiled)
    with open(source, "a") as file:
        file.write("# changed\n")
    assert _supervisor_script() == str(source)


def refuse_files(handle: RunHandle, most: int) -> None:
    """Let a run's supervisor open no file while `most` are open, as on a busy machine."""
    assert handle.pid is not None
    _, hard = resource.prlimit(handle.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(handle.pid, resource.RLIMIT_NOFILE, (most, hard))


def begin_with_unwritten_report(tmp_path: Path) -> RunHandle:
    """Start a run that ends by itself, and whose supervisor cannot write its report then."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = begin(tmp_path, f"print('out', flush=True); open({str(gate)!r}).read()")
    wait_for(lambda: "out" in handle.log.read_text(), "the run's output")
    refuse_files(handle, 1)
    gate.write_text("")
    wait_for(lambda: handle.processes.note() == "alone", "the run's end")
    return handle


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits other processes")
def test_a_supervisor_whose_report_waits_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    handle = begin_with_unwritten_report(tmp_path)
    handle.kill()
    wait_for(lambda: not handle.alive(), "the supervisor's end")
    assert handle.report() is None


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits other processes")
def test_a_supervisor_asked_to_end_still_writes_its_report_if_it_can(tmp_path: Path) -> None:
    handle = begin_with_unwritten_report(tmp_path)
    handle.kill()
    refuse_files(handle, 64)
    report = finish(handle)
    assert (report.exit_code, report.killed_by) == (0, None)
