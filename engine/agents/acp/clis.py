"""Finds coding-agent CLIs on this machine, and holds the commands and log-ins of known ones."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.core.errors import CliMissingError

TOOLS = ("Read", "Edit", "Grep", "Glob")
"""The only tools of Claude Code that are enabled."""


@dataclass(frozen=True, kw_only=True)
class Cli:
    """A coding-agent CLI: its commands, log-in, and settings that make it ask before it edits."""

    name: str
    """The name by which the research config's `cli` selects this CLI."""
    title: str
    commands: tuple[tuple[str, ...], ...]
    """Command lines for the Agent Client Protocol; the first one installed is used."""
    headless: str = ""
    """Command to run with JSON lines if none of `commands` is installed; empty if there is none."""
    install: str = ""
    login: str = ""
    keys: tuple[str, ...] = ()
    """Environment variables; if any one is set, the CLI counts as logged in."""
    login_files: tuple[str, ...] = ()
    """Files below the home directory; if any one exists, the CLI counts as logged in."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables set for the process, in addition to the inherited ones."""
    mode: str = ""
    """Session mode in which the CLI asks before it edits; empty if none needs selecting."""


_OPENCODE_RULES = {
    "*": "deny",
    "read": "allow",
    "list": "allow",
    "glob": "allow",
    "grep": "allow",
    "edit": "ask",
    "external_directory": "deny",
}

KNOWN: tuple[Cli, ...] = (
    Cli(
        name="claude",
        title="Claude Code",
        commands=(("claude-agent-acp",), ("claude-code-acp",)),
        headless="claude",
        install="npm install -g @anthropic-ai/claude-code",
        login="Run `claude` once and log in with /login, or set ANTHROPIC_API_KEY.",
        keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        login_files=(".claude/.credentials.json",),
        mode="default",
    ),
    Cli(
        name="codex",
        title="Codex",
        commands=(("codex-acp",),),
        install="npm install -g @openai/codex @agentclientprotocol/codex-acp",
        login="Run `codex login`, or set OPENAI_API_KEY.",
        keys=("OPENAI_API_KEY", "CODEX_API_KEY"),
        login_files=(".codex/auth.json",),
        environment={"CODEX_CONFIG": json.dumps({"web_search": "disabled"})},
        mode="read-only",
    ),
    Cli(
        name="gemini",
        title="Gemini CLI",
        commands=(("gemini", "--acp"),),
        install="npm install -g @google/gemini-cli",
        login="Run `gemini` once and log in, or set GEMINI_API_KEY.",
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        login_files=(".gemini/oauth_creds.json",),
        mode="default",
    ),
    Cli(
        name="opencode",
        title="OpenCode",
        commands=(("opencode", "acp"),),
        install="npm install -g opencode-ai",
        login="Run `opencode auth login`.",
        keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY"),
        login_files=(".local/share/opencode/auth.json",),
        # By default it allows everything.
        environment={"OPENCODE_PERMISSION": json.dumps(_OPENCODE_RULES)},
    ),
)


@dataclass(frozen=True, kw_only=True)
class InstalledCli:
    """A coding-agent CLI found on this machine, and the command line that starts it."""

    cli: Cli
    argv: tuple[str, ...]
    headless: bool = False


def known(name: str) -> Cli:
    """Return the CLI of a known name; any other name is read as the user's own command line."""
    for cli in KNOWN:
        if cli.name == name:
            return cli
    argv = tuple(shlex.split(name))
    title = Path(argv[0]).name if argv else "the coding agent"
    return Cli(name=name, title=title, commands=(argv,) if argv else ())


def find(name: str, path: str | None = None) -> InstalledCli:
    """Find the command of the CLI that a config's `cli` names.

    Args:
        name: The name of a known CLI, or a command line.
        path: The search path for commands; by default this process's PATH.

    Raises:
        CliMissingError: The CLI is not installed.
    """
    cli = known(name)
    for argv in cli.commands:
        if command := shutil.which(argv[0], path=path):
            return InstalledCli(cli=cli, argv=(command, *argv[1:]))
    if cli.headless and (command := shutil.which(cli.headless, path=path)):
        return InstalledCli(cli=cli, argv=(command,), headless=True)
    wanted = cli.headless or (cli.commands[0][0] if cli.commands else name)
    raise CliMissingError(
        f"{cli.title} is not installed: there is no command {wanted!r}.",
        "",
        f"Install it with `{cli.install}`."
        if cli.install
        else "Check `cli` in the config: a known name, or a command on your PATH.",
    )


@dataclass(frozen=True)
class Installed:
    """One line for the user on a CLI: whether it is installed and logged in, and its version."""

    name: str
    ok: bool | None
    """True if installed and logged in; None if not installed or no log-in was found."""
    value: str
    todo: str = ""


def survey(environ: Mapping[str, str]) -> list[Installed]:
    """Report on each known CLI: whether it is installed and logged in, and its version.

    It may run the CLI with `--version`; it does not use the network.
    """
    with ThreadPoolExecutor(len(KNOWN)) as pool:
        return list(pool.map(lambda cli: _look(cli, environ), KNOWN))


def _look(cli: Cli, environ: Mapping[str, str]) -> Installed:
    try:
        found = find(cli.name)
    except CliMissingError as error:
        return Installed(cli.name, None, "not found", error.todo)
    command = found.argv[0]
    version = _version(command)
    way = "through its headless mode" if found.headless else f"through {Path(command).name}"
    home = Path(environ.get("HOME", "~")).expanduser()
    logged_in = any(environ.get(key) for key in cli.keys) or any(
        (home / name).exists() for name in cli.login_files
    )
    value = f"{version or command} ({way})"
    if logged_in:
        return Installed(cli.name, True, value)
    return Installed(cli.name, None, f"{value}, no log-in seen", cli.login)


def _version(command: str) -> str:
    """Return a command's version from its npm package or `--version`; empty if unknown."""
    # Adapters have no --version; npm puts a package.json above the target of their link.
    for folder in list(Path(command).resolve().parents)[:3]:
        try:
            data = json.loads((folder / "package.json").read_text("utf-8"))
            return f"{data['name']} {data['version']}"
        except (OSError, ValueError, KeyError, TypeError):
            continue
    try:
        done = subprocess.run(
            [command, "--version"],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.strip().splitlines()
    return lines[0][:100] if done.returncode == 0 and lines else ""


_NOT_FOR_CLIS = ("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "AUTORESEARCH_NOTIFY")


def cli_environment(cli: Cli, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the complete environment for a CLI's process.

    Args:
        cli: The CLI, whose own variables take precedence.
        variables: The engine's environment and the keys of the workspace's `.env`.
    """
    # Claude Code does not start inside itself, and the user may have started the engine there.
    inherited = {k: v for k, v in variables.items() if k not in _NOT_FOR_CLIS}
    if cli.name == "claude":
        inherited |= _claude_variables(inherited)
    return {**inherited, **cli.environment}


def _claude_settings(variables: Mapping[str, str]) -> dict[str, Any]:
    home = variables.get("CLAUDE_CONFIG_DIR") or os.path.join(variables.get("HOME", ""), ".claude")
    try:
        data = json.loads((Path(home) / "settings.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _claude_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that the user's Claude Code settings define."""
    data = _claude_settings(variables).get("env")
    return {str(k): str(v) for k, v in data.items()} if isinstance(data, dict) else {}


def claude_login(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the user's Claude Code settings that concern log-in and model."""
    names = ("apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "model")
    return {k: v for k, v in _claude_settings(variables).items() if k in names}


def session_meta(cli: Cli, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the `_meta` field of the request for a new session; empty for all but Claude Code."""
    if cli.name != "claude":
        return {}
    # No other settings: a rule of the user's that allows edits would apply to all files.
    options: dict[str, Any] = {"tools": list(TOOLS), "settingSources": [], "strictMcpConfig": True}
    if login := claude_login(variables):
        options["settings"] = login
    return {"claudeCode": {"options": options}}
