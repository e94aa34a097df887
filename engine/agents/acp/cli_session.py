"""Defines a session of a coding-agent CLI: a prompt goes in; thoughts and usage come out.

`conversation.py` implements it over the Agent Client Protocol, `headless.py` over Claude Code's own
JSON lines.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from engine.agents.acp.clis import Cli
from engine.agents.base import Thought, Usage
from engine.core.config import ResearchConfig
from engine.core.errors import AgentError, OverloadedError
from engine.core.patches.patch import make_patch
from engine.core.secrets import redact
from engine.core.text import sanitize

QUIET_TIMES = 3.0
"""Factor by which the config's `idle_seconds` is multiplied: a CLI's tools run without output."""
_LONGEST_PIECE = 100_000
_LONGEST_DIFF = 6_000
_LONGEST_SPEECH = 200_000


class CliSession(Protocol):
    """A conversation with a running coding-agent CLI, one prompt after another."""

    @property
    def message(self) -> str:
        """The CLI's message since its last tool call; the final message once the turn has ended."""
        ...

    async def open(self) -> None:
        """Start the CLI's process and the session; call it once, before `ask`.

        Raises:
            AgentError: The session cannot start.
        """
        ...

    def ask(self, text: str) -> AsyncGenerator[Thought | Usage, None]:
        """Send a prompt, and yield the CLI's thoughts and usage until its turn ends.

        A turn calls a language model, which may cost money.

        Raises:
            AgentError: The turn failed.
        """
        ...

    async def close(self) -> None:
        """End the session and all processes of the CLI."""
        ...


class Listener:
    """Passes a CLI's output from the reader of its pipe to the caller, and enforces time limits.

    Args:
        cli: The CLI, for error messages.
        config: The time limits.
        secrets: The secrets to redact in all output.
    """

    def __init__(self, cli: Cli, config: ResearchConfig, secrets: Sequence[str]) -> None:
        self._cli = cli
        self._idle = config.idle_seconds * QUIET_TIMES
        self._total = config.answer_seconds
        self._secrets = secrets
        self._pieces: asyncio.Queue[Thought | Usage | None] = asyncio.Queue()
        self._listener = 0.0
        self._speech = ""
        self._inside = ""
        self._changed: list[str] = []

    @property
    def message(self) -> str:
        """The CLI's message since its last tool call; empty if there is none."""
        return self._speech

    def touch(self) -> None:
        """Record that the CLI produced output, which restarts the time limit on silence."""
        self._listener = asyncio.get_running_loop().time()

    def think(self, text: str) -> None:
        """Queue a piece of the CLI's reasoning to be yielded as a thought."""
        self._flow("thought", text)

    def speak(self, text: str) -> None:
        """Append a piece to the CLI's message, and queue it as a thought."""
        self._speech = (self._speech + text)[-_LONGEST_SPEECH:]
        self._flow("message", text)

    def note(self, line: str) -> None:
        """Queue a line on what the CLI does, or what was refused, as a thought."""
        self._flow("", f"{line}\n")

    def act(self, line: str) -> None:
        """Queue a line on a tool call, and clear the message, which was not the final one."""
        self._speech = ""
        self.note(line)

    def diff(self, path: str, old: str, new: str) -> None:
        """Queue the diff of a reported edit as a thought, unless it changes what the last did."""
        patch = make_patch(path, _whole_lines(old), _whole_lines(new))
        # The same edit is reported when planned and when made, with more context lines.
        changed = [line for line in patch.splitlines()[2:] if line[:1] in "+-"]
        if not changed or changed == self._changed:
            return
        self._changed = changed
        if len(patch) > _LONGEST_DIFF:
            patch = f"{patch[:_LONGEST_DIFF].rstrip()}\n[… the rest of the diff is left out …]\n"
        self._flow("", patch)

    def used(self, usage: Usage) -> None:
        """Queue the usage of a turn to be yielded, unless it is zero."""
        if usage.prompt_tokens or usage.completion_tokens or usage.dollars:
            self._pieces.put_nowait(usage)

    def _flow(self, kind: str, text: str) -> None:
        text = redact(sanitize(text[:_LONGEST_PIECE]), self._secrets)
        if not text:
            return
        # A change between reasoning, message and notes begins a new paragraph.
        turn = "\n\n" if self._inside and kind != self._inside else ""
        turn = "\n" if kind == "" and self._inside else turn
        self._inside = kind
        self._pieces.put_nowait(Thought(turn + text))

    async def until(self, turn: asyncio.Task[None]) -> AsyncGenerator[Thought | Usage, None]:
        """Yield queued thoughts and usage until a turn is done, then raise its exception if any.

        Args:
            turn: The task that reads the CLI's output; cancelled when the caller leaves early.

        Raises:
            OverloadedError: The CLI was silent for too long, or the turn took too long.
        """
        self._speech = ""
        turn.add_done_callback(lambda _: self._pieces.put_nowait(None))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._total
        self.touch()
        try:
            while True:
                limit = min(deadline, self._listener + self._idle)
                try:
                    async with asyncio.timeout_at(limit):
                        piece = await self._pieces.get()
                except TimeoutError:
                    if loop.time() < min(deadline, self._listener + self._idle):
                        continue
                    raise self._too_slow(loop.time() >= deadline) from None
                if piece is not None:
                    yield piece
                elif turn.done():
                    break
            while not self._pieces.empty():
                if (rest := self._pieces.get_nowait()) is not None:
                    yield rest
            turn.result()
        finally:
            turn.cancel()
            with contextlib.suppress(asyncio.CancelledError, AgentError):
                await turn

    def _too_slow(self, total: bool) -> OverloadedError:
        if total:
            what = f"{self._cli.title} took more than {self._total:g} s for one answer."
            return OverloadedError(what, "", "Raise `answer_seconds` in the config.")
        what = f"{self._cli.title} said nothing for {self._idle:g} s."
        return OverloadedError(what, "", "Raise `idle_seconds` if it is only slow.")


def _whole_lines(text: str) -> str:
    """Return text with a final newline: an excerpt says nothing about the end of its file."""
    return text if not text or text.endswith("\n") else f"{text}\n"
