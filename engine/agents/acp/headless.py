"""Runs Claude Code without an adapter, as `claude -p` with JSON lines on both pipes.

It gets tools to read and to edit, and permission to edit one file; everything else is refused
without asking the user.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from engine.agents.acp.cli_session import Listener
from engine.agents.acp.clis import TOOLS, InstalledCli, claude_login
from engine.agents.acp.errors import cli_error
from engine.agents.acp.policy import Policy
from engine.agents.acp.process import CliProcess
from engine.agents.base import Thought, Usage
from engine.agents.llm.keys import readable
from engine.core.config import ResearchConfig
from engine.core.errors import AgentError, OverloadedError
from engine.core.text import one_line

_PATHS = ("file_path", "path", "pattern")


class Headless:
    """A `CliSession` with Claude Code in headless mode.

    Args:
        found: The CLI and its command line.
        config: The limits, and possibly a model.
        policy: The paths and tools the CLI may use.
        variables: The complete environment of the process.
        secrets: The secrets to redact.
    """

    def __init__(
        self,
        found: InstalledCli,
        config: ResearchConfig,
        policy: Policy,
        variables: Mapping[str, str],
        secrets: Sequence[str],
    ) -> None:
        self._cli = found.cli
        self._argv = (*found.argv, *_arguments(config, policy, variables))
        self._policy = policy
        self._variables = variables
        self._secrets = secrets
        self._listener = Listener(found.cli, config, secrets)
        self._process: CliProcess | None = None
        self._model = config.model or found.cli.name
        self._dollars = 0.0
        self._resets: float | None = None
        self._streamed = False
        self._final = ""

    @property
    def message(self) -> str:
        """The final message of the last turn, or Claude Code's message so far."""
        return self._final or self._listener.message

    async def open(self) -> None:
        """Start Claude Code, which waits silently for the first prompt.

        Raises:
            CliMissingError: The command cannot be started.
        """
        self._process = await CliProcess.start(self._argv, self._policy.worktree, self._variables)

    async def ask(self, text: str) -> AsyncGenerator[Thought | Usage, None]:
        """Send a prompt, and yield thoughts and usage until the turn ends; see `CliSession.ask`."""
        turn = asyncio.create_task(self._turn(text))
        async with contextlib.aclosing(self._listener.until(turn)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        """End Claude Code and every process it started."""
        if self._process is not None:
            await self._process.stop()

    async def _turn(self, text: str) -> None:
        assert self._process is not None
        self._final = ""
        content = [{"type": "text", "text": text}]
        question = {"type": "user", "message": {"role": "user", "content": content}}
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            await self._process.stdin.drain()
        while True:
            try:
                line = await self._process.stdout.readline()
            except (ValueError, ConnectionError):
                line = b""
            if not line:
                raise await self._gone()
            self._listener.touch()
            with contextlib.suppress(ValueError, RecursionError):
                event = json.loads(line)
                if isinstance(event, dict) and self._take(event):
                    return

    async def _gone(self) -> AgentError:
        assert self._process is not None
        await self._process.exited(0.5)
        stderr, status = self._process.stderr_end(), self._process.exit_status
        found = cli_error(self._cli, stderr, self._secrets, resets=self._resets)
        if type(found) is not OverloadedError:
            return found
        end = "closed its output" if status is None else f"ended (exit status {status})"
        shown = readable(stderr[-300:], self._secrets) if stderr else "It gave no reason."
        return OverloadedError(f"{self._cli.title} {end} in the middle of its work.", shown)

    def _take(self, event: dict[str, Any]) -> bool:
        """Pass one parsed JSON line on to the listener, and return whether it ends the turn.

        Raises:
            AgentError: The turn failed.
        """
        match event:
            case {"type": "stream_event", "event": {"delta": dict(delta)}}:
                self._delta(delta)
            case {"type": "assistant", "message": {"content": list(parts)}}:
                for part in parts:
                    self._part(part)
                self._streamed = False
            case {"type": "user", "message": {"content": list(parts)}}:
                for part in parts:
                    if isinstance(part, dict) and part.get("is_error"):
                        self._listener.note(
                            f"[Refused: {one_line(_words(part.get('content')), 200)}]"
                        )
            case {"type": "rate_limit_event", "rate_limit_info": {"resetsAt": int(moment)}}:
                self._resets = float(moment)
            case {"type": "result"}:
                self._account(event)
                self._final = str(event.get("result") or "")
                if event.get("is_error"):
                    text = self._final or " ".join(map(str, event.get("errors") or []))
                    status = event.get("api_error_status")
                    # The message of a refused request may consist of the status code only.
                    text = f"{text} ({status})" if status else text
                    raise cli_error(
                        self._cli,
                        text or str(event.get("subtype")),
                        self._secrets,
                        resets=self._resets,
                    )
                return True
            case _:
                pass
        return False

    def _delta(self, delta: dict[str, Any]) -> None:
        match delta:
            case {"type": "thinking_delta", "thinking": str(text)}:
                self._streamed = True
                self._listener.think(text)
            case {"type": "text_delta", "text": str(text)}:
                self._streamed = True
                self._listener.speak(text)
            case _:
                pass

    def _part(self, part: Any) -> None:
        match part:
            case {"type": "thinking", "thinking": str(text)} if not self._streamed:
                self._listener.think(text)
            case {"type": "text", "text": str(text)} if not self._streamed:
                self._listener.speak(text)
            case {"type": "tool_use", "name": str(name), "input": dict(arguments)}:
                place = next(
                    (arguments[key] for key in _PATHS if isinstance(arguments.get(key), str)), ""
                )
                short = place.removeprefix(f"{self._policy.worktree}/")
                self._listener.act(f"▸ {one_line(f'{name} {short}', 200)}")
                old, new = arguments.get("old_string"), arguments.get("new_string")
                if isinstance(old, str) and isinstance(new, str):
                    self._listener.diff(short, old, new)
            case _:
                pass

    def _account(self, result: Mapping[str, Any]) -> None:
        used = result.get("usage")
        used = used if isinstance(used, dict) else {}
        cached = _count(used, "cache_read_input_tokens")
        fresh = _count(used, "input_tokens") + _count(used, "cache_creation_input_tokens")
        cost = result.get("total_cost_usd")
        dollars = float(cost) if isinstance(cost, int | float) else None
        models = result.get("modelUsage")
        name = next(iter(models), "") if isinstance(models, dict) else ""
        self._listener.used(
            Usage(
                model=one_line(str(name), 80) or self._model,
                prompt_tokens=fresh + cached,
                cached_tokens=cached,
                completion_tokens=_count(used, "output_tokens"),
                # The CLI reports the total of the session.
                dollars=None if dollars is None else max(0.0, dollars - self._dollars),
            )
        )
        self._dollars = dollars if dollars is not None else self._dollars


def _arguments(
    config: ResearchConfig, policy: Policy, variables: Mapping[str, str]
) -> tuple[str, ...]:
    settings = claude_login(variables)
    model = config.model.removeprefix("anthropic/")
    return (
        "-p",
        *("--input-format", "stream-json", "--output-format", "stream-json"),
        *("--verbose", "--include-partial-messages"),
        *("--tools", ",".join(TOOLS)),
        # Two slashes make the path absolute.
        *("--allowedTools", ",".join(f"Edit(/{path})" for path in policy.editable.values())),
        *("--permission-mode", "default"),
        "--strict-mcp-config",
        # No settings: a rule of the user's that allows edits would apply to all files.
        *("--setting-sources", ""),
        *(("--settings", json.dumps(settings)) if settings else ()),
        *(("--model", model) if model else ()),
    )


def _count(used: Mapping[str, Any], name: str) -> int:
    value = used.get(name)
    return value if isinstance(value, int) else 0


def _words(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)
