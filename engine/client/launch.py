"""Starts a detached engine process, and stops one whose session has ended."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from engine.client.request import ask_pid, send_command
from engine.client.sessions import engine_pid, read_session
from engine.core.errors import AutoresearchError, EngineGoneError, EngineRefusedError
from engine.core.layout import engine_output
from engine.core.secrets import is_harmless
from engine.protocol import commands
from engine.protocol.handover import HANDOVER_FLAG, give_environment, hide_memory
from engine.untrusted_files import open_private

START_SECONDS = 30.0
_LEAVE_SECONDS = 10.0
_FOR_SYSTEMD = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""Variables with which `systemd-run` finds the user's service manager."""
_LINGERING = Path("/var/lib/systemd/linger")
"""The directory with a file for each user whose service manager outlasts the last log-out."""
_detached: list[subprocess.Popen[bytes]] = []
"""Engine processes that outlive this one; without a reference Python warns about each."""


def start_engine(workspace: Path) -> int:
    """Start a detached engine on the confirmed config and wait until it answers.

    Returns:
        The engine's process id.

    Raises:
        AutoresearchError: The engine could not start; the error is the engine's own.
    """
    process, log = spawn_engine(workspace)
    _detached.append(process)
    return wait_for_engine(workspace, process, log)


def spawn_engine(workspace: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """Start a detached engine process that survives the terminal; do not wait for it.

    Returns:
        The process, and the path of the file that gets its output.
    """
    hide_memory()  # the keys may have been given to this command alone
    output = engine_output(workspace)
    # -P: a directory called `engine` in the current one must not be imported instead.
    daemon = ("-P", "-X", "utf8", "-m", "engine.server.daemon")
    command = [sys.executable, *daemon, str(workspace), HANDOVER_FLAG]
    shown = {
        name: value
        for name, value in os.environ.items()
        if name in _FOR_SYSTEMD or is_harmless(name, value)
    }
    hidden = {name: value for name, value in os.environ.items() if name not in shown}
    given, taken = socket.socketpair()
    with taken, open(output, "ab", opener=open_private) as out:
        out.truncate(0)  # what an earlier engine printed must not be taken for this one's
        process = subprocess.Popen(
            [*_systemd_scope(shown), *command],
            stdin=taken.fileno(),
            stdout=out,
            stderr=out,
            env=shown,
            start_new_session=True,
            cwd="/",
        )
    # In a thread, because the engine takes a second to import what it needs.
    arguments = (given, hidden, START_SECONDS)
    threading.Thread(target=give_environment, args=arguments, daemon=True).start()
    return process, output


def _systemd_scope(environ: dict[str, str]) -> list[str]:
    """Return the command prefix that runs the engine in a scope of systemd's user manager.

    Empty where that is not possible with these environment variables.

    With KillUserProcesses=yes all processes in the log-in's own scope are killed at log-out, also
    in a new process session. The user manager ends with the last log-out unless lingering is on.
    """
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if not runtime or not Path(runtime, "systemd", "private").exists():
        return []
    program = shutil.which("systemd-run")
    if program is None or not (_LINGERING / getpass.getuser()).exists():
        return []
    base = [program, "--user", "--scope", "--quiet", "--collect"]
    try:
        probe = subprocess.run(
            [*base, "true"], env=environ, capture_output=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [*base, "--description=autoresearch-tui engine", "--"] if probe.returncode == 0 else []


def wait_for_engine(workspace: Path, process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait until a started engine answers on its socket, and return its process id.

    Args:
        workspace: The workspace in which the engine was started.
        process: The engine's process.
        log: The file with the engine's output, for the error.

    Raises:
        AutoresearchError: The engine ended instead, took too long, or another one answers.
    """
    until = time.monotonic() + START_SECONDS
    answers: int | None = None
    while time.monotonic() < until:
        code = process.poll()
        if code == 0:
            return process.pid  # the session is finished already
        if code is not None:
            raise engine_error(code, log)
        # Brief, because another program may listen there while the engine has ended already.
        answers = _answering_pid(workspace, seconds=1.0)
        if answers == process.pid:
            return answers
        time.sleep(0.02)
    if answers is not None:
        raise EngineGoneError(
            f"The process {answers} answers in {workspace}, not the engine that was started "
            f"({process.pid}).",
            "Another engine runs there.",
            f"See {log}; `autoresearch-tui stop` ends the other engine.",
        )
    raise EngineGoneError(
        f"The engine did not answer within {START_SECONDS:.0f} s.", "", f"See {log}, and try again."
    )


def running_engine(workspace: Path) -> int | None:
    """Return the process id of the workspace's engine; None where none runs.

    An engine whose lock file was removed is found by its socket.
    """
    return engine_pid(workspace) or _answering_pid(workspace, seconds=5.0)


def _answering_pid(workspace: Path, seconds: float) -> int | None:
    """Return the process id of the engine that answers within so many seconds; None if none."""
    try:
        return ask_pid(workspace, timeout=seconds)
    except EngineRefusedError:
        raise
    except EngineGoneError:
        return None


def engine_error(code: int, log: Path) -> AutoresearchError:
    """Return the error with which an engine process ended, as read from its output.

    Args:
        code: The exit code of the process.
        log: The file with the engine's output.
    """
    text = log.read_text("utf-8", "replace") if log.exists() else ""
    last = next((x for x in reversed(text.splitlines()) if x.startswith("error: ")), "")
    error = (
        AutoresearchError(last.removeprefix("error: "))
        if last
        else AutoresearchError(f"The engine ended with exit code {code}.", "", f"See {log}.")
    )
    error.exit_code = code if 0 < code < 64 else 1
    return error


def stop_ended_engine(workspace: Path) -> bool:
    """Stop an ended session's engine, which may be writing its report, and wait until it exits.

    Returns:
        True where no engine is left; False where one is at work or did not exit in time.
    """
    try:
        if read_session(workspace).ended is None:
            return False
        send_command(workspace, commands.StopSession())
    except AutoresearchError:
        pass  # it ended by itself, or cannot be reached
    until = time.monotonic() + _LEAVE_SECONDS
    while running_engine(workspace) is not None:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
