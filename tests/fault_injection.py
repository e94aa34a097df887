"""Makes system calls of a running process fail, or kills it at one, as strace can."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import wait_for


@contextlib.contextmanager
def injected(
    pid: int,
    calls: str,
    fault: str,
    *,
    follow: bool = False,
    log: str | Path = os.devnull,
) -> Iterator[None]:
    """Inject a fault into system calls of a process while the context lasts.

    Args:
        pid: The process.
        calls: The system calls, separated by commas.
        fault: The fault as strace names it, such as `error=EIO` or `signal=KILL:when=3`.
        follow: Whether all threads and the processes that they start are meant, each counted by
            itself; otherwise the main thread.
        log: A file for strace's log.
    """
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    words = ["strace", *(["-f"] if follow else []), "-q", "-o", str(log), "-e", f"trace={calls}"]
    tracer = subprocess.Popen(
        [*words, "-e", f"inject={calls}:{fault}", "-p", str(pid)],
        stderr=subprocess.PIPE,
        text=True,
    )
    status = Path(f"/proc/{pid}/status")
    try:
        wait_for(
            lambda: tracer.poll() is not None or f"TracerPid:\t{tracer.pid}" in status.read_text(),
            "the tracer",
        )
        if tracer.poll() is not None:
            assert tracer.stderr is not None
            pytest.skip(f"strace may not be used here: {tracer.stderr.read()}")
        yield
    finally:
        tracer.terminate()
        tracer.communicate()
