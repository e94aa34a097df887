"""Runs verbs of the command in one process and reports which programs it starts.

    python -P -m tests.end_to_end.hostile_runs < runs.json

Each run is a JSON object with the workspace, the arguments and the PATH; each result is a line of
JSON on standard output. One process, because most of a short command's time is its imports.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import traceback
from pathlib import Path

import msgspec

import tui.cli

SECONDS = 120
"""Seconds after which a verb counts as hung; only a hung one takes that long."""
ENDLESS = ("serve", "watch")
"""Verbs that end only when they are told to."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One command line in one workspace."""

    workspace: str
    arguments: list[str]
    path: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one command line did."""

    code: int = 0
    programs: list[str] = []
    """The programs that the process itself started."""
    traceback: str = ""
    """The traceback of an unexpected exception; empty where there was none."""
    output: str = ""


class HungError(BaseException):
    """Raised where a verb does not end by itself."""


started: list[str] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen":
        program, words = arguments[0], arguments[1]
        first = words[0] if isinstance(words, list | tuple) else words
        started.append(os.fsdecode(program or first))  # type: ignore[arg-type]
    elif event in ("os.exec", "os.posix_spawn", "os.system", "os.spawn", "pty.spawn"):
        started.append(os.fsdecode(str(arguments[0])))


def _hung(number: int, frame: object) -> None:
    raise HungError


def execute(run: Run) -> Result:
    """Run one command line as the installed command does, without a terminal."""
    os.chdir(run.workspace)
    os.environ["PATH"] = run.path
    started.clear()
    out, code, trace = io.StringIO(), 0, ""
    sys.argv = ["autoresearch-tui", *run.arguments]
    signal.alarm(2 if run.arguments[0] in ENDLESS else SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            tui.cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except HungError:
        if run.arguments[0] not in ENDLESS:
            trace = f"hung:\n{traceback.format_exc()}"
    except BaseException:
        trace = traceback.format_exc()
    finally:
        signal.alarm(0)
    return Result(code=code, programs=list(started), traceback=trace, output=out.getvalue())


def main() -> None:
    """Execute the runs given on standard input."""
    runs = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Run])
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.signal(signal.SIGALRM, _hung)
    home = Path.cwd()
    sys.addaudithook(_audit)
    for run in runs:
        results.write(msgspec.json.encode(execute(run)) + b"\n")
        results.flush()
    os.chdir(home)


if __name__ == "__main__":
    main()
