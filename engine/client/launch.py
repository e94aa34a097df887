"""Starting a detached engine, and having one that has nothing left to do make way."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from engine.client.request import ask_pid, send_command
from engine.client.sessions import engine_pid, read_session
from engine.core.errors import AutoresearchError, EngineGoneError
from engine.core.layout import engine_output
from engine.protocol import commands

START_SECONDS = 30.0
_LEAVE_SECONDS = 10.0
_detached: list[subprocess.Popen[bytes]] = []
"""Engines that are meant to outlive this process; Python complains of those it forgets."""


def start_engine(workspace: Path) -> int:
    """Start a detached engine on the confirmed config and wait until it answers.

    Returns:
        Its pid.

    Raises:
        AutoresearchError: It could not start; the error is the engine's own.
    """
    process, log = spawn_engine(workspace)
    _detached.append(process)
    return wait_for_engine(workspace, process, log)


def spawn_engine(workspace: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """Start an engine in a session of its own, out of reach of the terminal's hang-up."""
    output = engine_output(workspace)
    # -P: a directory called `engine` where the person stands must not be taken for ours.
    command = [sys.executable, "-P", "-m", "engine.server.daemon", str(workspace)]
    scope = _systemd_scope(os.environ)
    with open(output, "ab") as out:
        out.truncate(0)  # what an earlier engine printed must not be taken for this one's
        process = subprocess.Popen(
            [*scope, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd="/",
        )
    return process, output


def _systemd_scope(environ: os._Environ[str] | dict[str, str]) -> list[str]:
    """Words that put the engine into a scope of the user's manager, where that is to be had.

    With KillUserProcesses=yes everything in the log-in's own scope dies at log-out, setsid or not.
    The user's manager ends with the last log-out too, unless lingering is on.
    """
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if not runtime or not Path(runtime, "systemd", "private").exists():
        return []
    program = shutil.which("systemd-run")
    if program is None or not Path("/var/lib/systemd/linger", getpass.getuser()).exists():
        return []
    base = [program, "--user", "--scope", "--quiet", "--collect"]
    try:
        probe = subprocess.run([*base, "true"], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [*base, "--description=autoresearch-tui engine", "--"] if probe.returncode == 0 else []


def wait_for_engine(workspace: Path, process: subprocess.Popen[bytes], log: Path) -> int:
    """Until the engine answers on its socket.

    Raises:
        AutoresearchError: It ended instead, or took too long.
    """
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        code = process.poll()
        if code == 0:
            return process.pid  # so little was left to do that it is done
        if code is not None:
            raise engine_error(code, log)
        try:
            # Brief, because another program may listen there while the engine has ended already.
            return ask_pid(workspace, timeout=1.0)
        except EngineGoneError:
            time.sleep(0.02)
    raise EngineGoneError(
        f"The engine did not answer within {START_SECONDS:.0f} s.", "", f"See {log}, and try again."
    )


def engine_error(code: int, log: Path) -> AutoresearchError:
    """Why an engine ended, in its own last words."""
    text = log.read_text("utf-8", "replace") if log.exists() else ""
    last = next((x for x in reversed(text.splitlines()) if x.startswith("error: ")), "")
    error = (
        AutoresearchError(last.removeprefix("error: "))
        if last
        else AutoresearchError(f"The engine ended with exit code {code}.", "", f"See {log}.")
    )
    error.exit_code = code if 0 < code < 64 else 1
    return error


def leaves_when_asked(workspace: Path) -> bool:
    """Have an engine whose session has ended, and which is only writing its report, leave at once.

    Returns:
        Whether it is gone.
    """
    try:
        if read_session(workspace).ended is None:
            return False
        send_command(workspace, commands.StopSession())
    except AutoresearchError:
        pass  # it left by itself, or nothing can be said to it
    until = time.monotonic() + _LEAVE_SECONDS
    while engine_pid(workspace) is not None:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
