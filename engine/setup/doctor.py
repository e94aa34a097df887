"""Checks the machine and its tools for `autoresearch-tui check`, and lists what is missing."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from engine.agents.acp.clis import survey
from engine.agents.base import agent_names
from engine.core.errors import AutoresearchError
from engine.core.events import Platform
from engine.devices.sampler import DeviceSampler
from engine.executors.environment import withheld_names
from engine.protocol.endpoint import lock_holder, runtime_directory
from engine.setup.config_file import load_config
from engine.store.workspace import Workspace


@dataclass(frozen=True)
class CheckResult:
    """The result of one check of the machine, with a remedy."""

    name: str
    ok: bool | None
    """True where the checked item is in order, False where it is not; None: only information."""
    value: str
    todo: str = ""


@dataclass(frozen=True)
class MachineCheck:
    """The machine's hardware and the results of all checks."""

    platform: Platform
    findings: tuple[CheckResult, ...]

    @property
    def ready(self) -> bool:
        """Return whether no check failed."""
        return all(f.ok is not False for f in self.findings)


def examine(workspace: Path) -> MachineCheck:
    """Check the machine, its tools and the workspace; write nothing and raise no error."""
    platform = DeviceSampler(disk=workspace).platform()
    findings = [
        CheckResult("python", sys.version_info >= (3, 11), f"{platform.python} ({sys.executable})"),
        _tool("git", needed=True),
        _tool("uv", needed=False),
        _tool("tmux", needed=False),
        _gpus(platform),
        _torch(),
        CheckResult("agents", True, ", ".join(agent_names()) or "none"),
        *(CheckResult(cli.name, cli.ok, cli.value, cli.todo) for cli in survey(os.environ)),
        CheckResult(
            "sandbox",
            None,
            platform.sandbox,
            "The training process has your rights: it can read your files, such as `.env`.",
        ),
        _environment(workspace),
        _socket(),
        _survival(),
        _disk(workspace),
        _repository(workspace),
    ]
    return MachineCheck(platform, tuple(findings))


def _environment(workspace: Path) -> CheckResult:
    passed: tuple[str, ...] = ()
    with contextlib.suppress(AutoresearchError):
        passed = load_config(workspace).pass_env
    names = withheld_names(os.environ, passed)
    if not names:
        return CheckResult("variables", None, "a run gets all of your environment variables")
    return CheckResult(
        "variables",
        None,
        f"not passed to a run: {', '.join(names)}",
        "They may be secret. Pass one with `start --pass-env NAME`.",
    )


def _tool(name: str, *, needed: bool) -> CheckResult:
    path = shutil.which(name)
    if path is None:
        todo = f"Install {name}." if needed else ""
        return CheckResult(name, False if needed else None, "not found", todo)
    try:
        flag = "-V" if name == "tmux" else "--version"
        # Not in the workspace, whose files the program may read as its settings.
        done = subprocess.run(
            [path, flag], cwd="/", capture_output=True, text=True, timeout=10, check=False
        )
        version = (done.stdout or done.stderr).strip().splitlines()
    except (OSError, subprocess.TimeoutExpired):
        version = []
    return CheckResult(name, True, version[0] if version else path)


def _gpus(platform: Platform) -> CheckResult:
    if not platform.gpus:
        return CheckResult("gpu", None, platform.gpu_note)
    named = Counter(f"{g.name} {g.memory_text}" for g in platform.gpus)
    shown = ", ".join(f"{count} × {text}" if count > 1 else text for text, count in named.items())
    if platform.gpu_note:
        todo = "See `nvidia-smi`; a lost GPU needs a reset or a restart of the machine."
        return CheckResult("gpu", None, f"{shown}; {platform.gpu_note}", todo)
    return CheckResult("gpu", True, shown)


def _torch() -> CheckResult:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return CheckResult("torch", True, f"{version('torch')} (for the bundled harness)")
    except PackageNotFoundError:
        todo = "Your own repository has its own; the bundled harness needs the extra `harness`."
        return CheckResult("torch", None, "not in this environment", todo)


def _socket() -> CheckResult:
    try:
        return CheckResult("socket", True, str(runtime_directory()))
    except AutoresearchError as error:
        return CheckResult("socket", False, error.what, error.todo)


def _survival() -> CheckResult:
    """Check whether a detached engine keeps running after the user's last log-out."""
    if shutil.which("loginctl") is None or not Path("/run/systemd/system").exists():
        return CheckResult("log-out", None, "no systemd: a detached engine survives")
    try:
        done = subprocess.run(
            ["loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
        linger = done.stdout.strip() == "yes"
        killing = subprocess.run(
            ["loginctl", "show-logind", "--property=KillUserProcesses", "--value"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return CheckResult("log-out", None, "systemd does not answer")
    if linger or killing != "yes":
        return CheckResult("log-out", True, "a detached engine survives the last log-out")
    return CheckResult(
        "log-out",
        None,
        "KillUserProcesses is on and you have no linger",
        "Run `loginctl enable-linger`, or the engine ends shortly after your last log-out.",
    )


def _disk(workspace: Path) -> CheckResult:
    try:
        free = shutil.disk_usage(workspace).free / 2**30
    except OSError as error:
        return CheckResult("disk", False, f"{error.strerror}")
    return CheckResult(
        "disk", free > 1, f"{free:.0f} GiB free", "" if free > 1 else "Free some space."
    )


def _repository(workspace: Path) -> CheckResult:
    try:
        found = Workspace(workspace).look()
    except AutoresearchError as error:
        return CheckResult("workspace", None, error.what, error.todo)
    pid = lock_holder(found.workspace)
    engine = f", engine at work (pid {pid})" if pid is not None else ""
    dirty = f", {len(found.dirty)} uncommitted changes" if found.dirty else ""
    return CheckResult("workspace", True, f"{found.workspace} at {found.head[:7]}{dirty}{engine}")
