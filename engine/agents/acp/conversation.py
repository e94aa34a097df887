"""Runs a coding-agent CLI's session over the Agent Client Protocol (ACP).

Import this module only when needed: the protocol's library takes 0.4 s to import. Messages are
framed here instead of by the library, which logs unreadable ones to the root logger; notifications
are handled in order, and unknown ones are ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import acp
from acp.client.connection import ClientSideConnection
from acp.exceptions import RequestError
from acp.schema import (
    ClientCapabilities,
    FileSystemCapabilities,
    Implementation,
    PromptResponse,
    SessionConfigOptionSelect,
    TextContentBlock,
)
from pydantic import ValidationError

from engine.agents.acp.cli_session import Listener
from engine.agents.acp.client import PolicyClient
from engine.agents.acp.clis import InstalledCli, session_meta
from engine.agents.acp.errors import cli_error
from engine.agents.acp.policy import Policy
from engine.agents.acp.process import CliProcess
from engine.agents.base import Thought, Usage
from engine.agents.llm.keys import readable
from engine.core.config import ResearchConfig
from engine.core.errors import (
    AgentError,
    BadKeyError,
    CliMissingError,
    OverloadedError,
    UnusableAnswerError,
)

START_SECONDS = 90.0
"""Longest time until a session has started: a CLI may download its list of models, or itself."""
_AUTH_REQUIRED = -32000
_MOST_JUNK = 200
"""Reading stops after this many stdout lines that are not messages; some CLIs print a few."""


class Conversation:
    """A `CliSession` with a CLI that implements the Agent Client Protocol.

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
        self._found = found
        self._cli = found.cli
        self._config = config
        self._policy = policy
        self._variables = variables
        self._secrets = secrets
        self._listener = Listener(found.cli, config, secrets)
        self._client = PolicyClient(policy, self._listener)
        self._process: CliProcess | None = None
        self._wire: _Wire | None = None
        self._connection: ClientSideConnection | None = None
        self._session = ""
        self._dollars = 0.0
        self._begun = False

    @property
    def message(self) -> str:
        """The CLI's message since its last tool call; empty if there is none."""
        return self._listener.message

    async def open(self) -> None:
        """Start the CLI, and a session in the mode and with the model that the config wants.

        Raises:
            AgentError: The CLI does not start, uses another protocol, or is not logged in.
        """
        directory = self._policy.worktree
        self._process = await CliProcess.start(self._found.argv, directory, self._variables)
        self._wire = _Wire(self._process, self._client, self._listener)
        self._connection = ClientSideConnection(self._client, self._wire)
        try:
            async with asyncio.timeout(min(START_SECONDS, self._config.answer_seconds)):
                await self._connection.initialize(
                    protocol_version=acp.PROTOCOL_VERSION,
                    client_capabilities=ClientCapabilities(
                        fs=FileSystemCapabilities(read_text_file=True, write_text_file=True),
                        terminal=False,
                    ),
                    client_info=Implementation(name="autoresearch-tui", version="1"),
                )
                self._begun = True
                session = await self._connection.new_session(
                    cwd=str(directory), mcp_servers=[], **session_meta(self._cli, self._variables)
                )
                self._session = session.session_id
                await self._settle(session)
        except TimeoutError:
            if not self._begun:
                raise self._mute("It did not answer in time.") from None
            raise OverloadedError(f"{self._cli.title} did not start a session in time.") from None
        except (RequestError, ConnectionError, ValidationError) as error:
            raise await self._failure(error) from None

    async def _settle(self, session: Any) -> None:
        """Select the mode in which the CLI asks before it edits, and the config's model."""
        assert self._connection is not None
        modes = session.modes
        wanted = self._cli.mode
        if wanted and modes is not None and modes.current_mode_id != wanted:
            if wanted in {mode.id for mode in modes.available_modes}:
                await self._connection.set_session_mode(mode_id=wanted, session_id=self._session)
            else:
                self._listener.note(f"[{self._cli.title} has no mode {wanted!r} here.]")
        if not self._config.model:
            return
        for option in session.config_options or []:
            if isinstance(option, SessionConfigOptionSelect) and option.category == "model":
                value = _choice(option, self._config.model)
                if value is not None:
                    await self._connection.set_config_option(
                        config_id=option.id, session_id=self._session, value=value
                    )
                    return
        self._listener.note(
            f"[{self._cli.title} does not offer the model {self._config.model}; it takes its own.]"
        )

    async def ask(self, text: str) -> AsyncGenerator[Thought | Usage, None]:
        """Send a prompt, and yield thoughts and usage until the turn ends; see `CliSession.ask`."""
        turn = asyncio.create_task(self._turn(text))
        async with contextlib.aclosing(self._listener.until(turn)) as pieces:
            async for piece in pieces:
                yield piece

    async def _turn(self, text: str) -> None:
        assert self._connection is not None
        response: PromptResponse | None = None
        try:
            response = await self._connection.prompt(
                prompt=[TextContentBlock(type="text", text=text)], session_id=self._session
            )
        except (RequestError, ConnectionError, ValidationError) as error:
            raise await self._failure(error) from None
        finally:
            self._account(response)
        if response.stop_reason == "refusal":
            raise UnusableAnswerError(
                f"{self._cli.title} refused to answer.", readable(self.message, self._secrets)
            )

    def _account(self, response: PromptResponse | None) -> None:
        """Pass a turn's tokens and dollars to the listener; without a response, only dollars."""
        usage = _usage(response, self._config.model or self._cli.name)
        if (cost := self._client.dollars) is not None:
            # The CLI reports the total of the session.
            usage = replace(usage, dollars=max(0.0, cost - self._dollars))
            self._dollars = cost
        self._listener.used(usage)

    async def close(self) -> None:
        """End the CLI and every process it started."""
        if self._process is not None:
            await self._process.stop()
        if self._connection is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(0.2):
                    await self._connection.close()

    async def _failure(self, error: Exception) -> AgentError:
        if isinstance(error, RequestError):
            text = f"{error} {_details(error.data)}".strip()
            if error.code == _AUTH_REQUIRED:
                return cli_error(self._cli, text, self._secrets, login=True)
            found = cli_error(self._cli, text, self._secrets)
            if type(found) is OverloadedError and self._process is not None:
                # The message may be "Internal error" only; stderr may hold the cause.
                more = cli_error(self._cli, self._process.stderr_end()[-600:], self._secrets)
                found = more if type(more) is not OverloadedError else found
            if isinstance(found, BadKeyError) or self._begun:
                return found
            return self._mute(found.why)
        if isinstance(error, ValidationError):
            return self._mute("It answered with something that is not of the protocol.")
        assert self._process is not None
        await self._process.exited(0.5)
        return self._gone()

    def _gone(self) -> AgentError:
        """Return the error for a CLI that ended or closed its pipes in the middle of a request."""
        assert self._process is not None
        stderr, status = self._process.stderr_end(), self._process.exit_status
        end = "closed its output" if status is None else f"ended (exit status {status})"
        if self._wire is not None and self._wire.junk >= _MOST_JUNK:
            return self._mute("What it writes is not of the protocol.")
        if (
            stderr
            and type(found := cli_error(self._cli, stderr, self._secrets)) is not OverloadedError
        ):
            return found
        shown = readable(stderr[-300:], self._secrets) if stderr else "It gave no reason."
        if not self._begun:
            return self._mute(f"It {end}: {shown}")
        return OverloadedError(f"{self._cli.title} {end} in the middle of its work.", shown)

    def _mute(self, why: str) -> CliMissingError:
        command = " ".join(self._found.argv)
        return CliMissingError(
            f"{self._cli.title} cannot be used: `{command}` does not start a session.",
            readable(why, self._secrets),
            "Run `autoresearch-tui check`; update the CLI, or correct `cli` in the config.",
        )


class _Wire:
    """A connection to a CLI's process: sends and receives one JSON message per line."""

    def __init__(self, process: CliProcess, client: PolicyClient, heard: Listener) -> None:
        self._process = process
        self._client = client
        self._listener = heard
        self.junk = 0

    async def send(self, message: dict[str, Any]) -> None:
        """Write a message to the CLI's stdin; ignore a closed pipe, since reading reports it."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            await self._process.stdin.drain()

    async def receive(self) -> dict[str, Any] | None:
        """Wait for the CLI's next request or answer, and return it; None at the end of its output.

        Notifications before it are passed to the client. Other lines are counted in `junk`.
        """
        while self.junk < _MOST_JUNK:
            try:
                line = await self._process.stdout.readline()
            except (ValueError, ConnectionError):
                return None
            if not line:
                return None
            self._listener.touch()
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                message = None
            if not isinstance(message, dict):
                self.junk += bool(line.strip())
            elif "id" not in message:
                self._client.notified(str(message.get("method")), message.get("params"))
            else:
                return message
        return None

    async def close(self) -> None:
        """Do nothing: `Conversation.close` ends the process."""


def _usage(response: PromptResponse | None, model: str) -> Usage:
    """Return the usage that a prompt's response reports; 0 tokens if it reports none."""
    if response is None:
        return Usage(model=model)
    if (reported := response.usage) is not None:
        cached, written = reported.cached_read_tokens or 0, reported.cached_write_tokens or 0
        prompt = reported.input_tokens
        if reported.total_tokens >= prompt + cached + written + reported.output_tokens:
            # Some CLIs count cached tokens separately, some with the others.
            prompt += cached + written
        return Usage(
            model=model,
            prompt_tokens=prompt,
            cached_tokens=cached,
            completion_tokens=reported.output_tokens,
            reasoning_tokens=reported.thought_tokens or 0,
        )
    match response.field_meta:
        # Gemini CLI reports it this way.
        case {"quota": {"token_count": {"input_tokens": int(read), "output_tokens": int(written)}}}:
            return Usage(model=model, prompt_tokens=read, completion_tokens=written)
        case _:
            return Usage(model=model)


def _choice(option: SessionConfigOptionSelect, model: str) -> str | None:
    """Return the value to select for a model, or for its name without the provider; else None."""
    values: list[str] = []
    for entry in option.options:
        inner = getattr(entry, "options", None)
        values += [item.value for item in (inner if inner is not None else [entry])]
    for wanted in (model, model.partition("/")[2]):
        if wanted in values:
            return wanted
    return None


def _details(data: Any) -> str:
    if data is None:
        return ""
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)[:2000]
