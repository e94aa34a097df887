"""A session over the Agent Client Protocol. Imports the protocol's library: 0.4 s, so do it late.

Messages are framed here and not by the library, which writes what it cannot read to the root
logger; so every notification is read in its order, and unknown ones are passed over.
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
"""A CLI may fetch its list of models, or itself, before it answers first."""
_AUTH_REQUIRED = -32000
_MOST_JUNK = 200
"""Lines on its stdout that are no messages; some CLIs print a few."""


class Conversation:
    """Talks to a CLI that speaks the Agent Client Protocol.

    Args:
        found: The CLI and how it is started.
        config: With the limits, and perhaps a model.
        policy: What it may do.
        variables: Its whole environment.
        secrets: What must not be shown.
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
        self._heard = Listener(found.cli, config, secrets)
        self._client = PolicyClient(policy, self._heard)
        self._process: CliProcess | None = None
        self._wire: _Wire | None = None
        self._connection: ClientSideConnection | None = None
        self._session = ""
        self._dollars = 0.0
        self._begun = False

    @property
    def said(self) -> str:
        """What it said since its last tool call."""
        return self._heard.said

    async def open(self) -> None:
        """Start the CLI and begin a session.

        Raises:
            AgentError: It does not start, speaks something else, or is not logged in.
        """
        directory = self._policy.worktree
        self._process = await CliProcess.start(self._found.words, directory, self._variables)
        self._wire = _Wire(self._process, self._client, self._heard)
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
            raise OverloadedError(f"{self._cli.title} did not begin a session in time.") from None
        except (RequestError, ConnectionError, ValidationError) as error:
            raise await self._failure(error) from None

    async def _settle(self, session: Any) -> None:
        """Choose the mode in which it asks before it edits, and the model the config names."""
        assert self._connection is not None
        modes = session.modes
        wanted = self._cli.mode
        if wanted and modes is not None and modes.current_mode_id != wanted:
            if wanted in {mode.id for mode in modes.available_modes}:
                await self._connection.set_session_mode(mode_id=wanted, session_id=self._session)
            else:
                self._heard.note(f"[{self._cli.title} has no mode {wanted!r} here.]")
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
        self._heard.note(
            f"[{self._cli.title} does not offer the model {self._config.model}; it takes its own.]"
        )

    async def ask(self, text: str) -> AsyncGenerator[Thought | Usage, None]:
        """Send one prompt; see `Talk.ask`."""
        turn = asyncio.create_task(self._turn(text))
        async with contextlib.aclosing(self._heard.until(turn)) as pieces:
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
                f"{self._cli.title} refused to answer.", readable(self.said, self._secrets)
            )

    def _account(self, response: PromptResponse | None) -> None:
        """Tell what the turn used, as far as the CLI said."""
        usage = _usage(response, self._config.model or self._cli.name)
        if (cost := self._client.dollars) is not None:
            # It tells the session's sum.
            usage = replace(usage, dollars=max(0.0, cost - self._dollars))
            self._dollars = cost
        self._heard.used(usage)

    async def close(self) -> None:
        """End the CLI with all it started."""
        if self._process is not None:
            await self._process.stop()
        if self._connection is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(0.2):
                    await self._connection.close()

    async def _failure(self, error: Exception) -> AgentError:
        if isinstance(error, RequestError):
            said = f"{error} {_details(error.data)}".strip()
            if error.code == _AUTH_REQUIRED:
                return cli_error(self._cli, said, self._secrets, login=True)
            found = cli_error(self._cli, said, self._secrets)
            if type(found) is OverloadedError and self._process is not None:
                # "Internal error" alone; what it means stands on stderr, if anywhere.
                more = cli_error(self._cli, self._process.last_words()[-600:], self._secrets)
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
        """It ended, or closed its pipes."""
        assert self._process is not None
        words, status = self._process.last_words(), self._process.exit_status
        end = "closed its output" if status is None else f"ended (exit status {status})"
        if self._wire is not None and self._wire.junk >= _MOST_JUNK:
            return self._mute("What it writes is not of the protocol.")
        if (
            words
            and type(found := cli_error(self._cli, words, self._secrets)) is not OverloadedError
        ):
            return found
        shown = readable(words[-300:], self._secrets) if words else "It said nothing about it."
        if not self._begun:
            return self._mute(f"It {end}: {shown}")
        return OverloadedError(f"{self._cli.title} {end} in the middle of its work.", shown)

    def _mute(self, why: str) -> CliMissingError:
        command = " ".join(self._found.words)
        return CliMissingError(
            f"{self._cli.title} cannot be used: `{command}` does not begin a session.",
            readable(why, self._secrets),
            "Run `autoresearch-tui check`; update the CLI, or correct `cli` in the config.",
        )


class _Wire:
    """Messages over the pipes of a process, one in each line."""

    def __init__(self, process: CliProcess, client: PolicyClient, heard: Listener) -> None:
        self._process = process
        self._client = client
        self._heard = heard
        self.junk = 0

    async def send(self, message: dict[str, Any]) -> None:
        """Write a message. Into a closed pipe nothing is written: reading will tell."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            await self._process.stdin.drain()

    async def receive(self) -> dict[str, Any] | None:
        """The next request or answer; None: there will be none. Updates are dealt with here."""
        while self.junk < _MOST_JUNK:
            try:
                line = await self._process.stdout.readline()
            except (ValueError, ConnectionError):
                return None
            if not line:
                return None
            self._heard.touch()
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
        """Nothing: the process is ended by whoever started it."""


def _usage(response: PromptResponse | None, model: str) -> Usage:
    """The tokens of a turn; all of them 0 if it does not tell."""
    if response is None:
        return Usage(model=model)
    if (told := response.usage) is not None:
        cached, written = told.cached_read_tokens or 0, told.cached_write_tokens or 0
        prompt = told.input_tokens
        if told.total_tokens >= prompt + cached + written + told.output_tokens:
            # Some count the cached tokens apart from the others, some among them.
            prompt += cached + written
        return Usage(
            model=model,
            prompt_tokens=prompt,
            cached_tokens=cached,
            completion_tokens=told.output_tokens,
            reasoning_tokens=told.thought_tokens or 0,
        )
    match response.field_meta:
        # Gemini CLI's way.
        case {"quota": {"token_count": {"input_tokens": int(read), "output_tokens": int(written)}}}:
            return Usage(model=model, prompt_tokens=read, completion_tokens=written)
        case _:
            return Usage(model=model)


def _choice(option: SessionConfigOptionSelect, model: str) -> str | None:
    """The value of an option that means a model, named with or without its provider."""
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
