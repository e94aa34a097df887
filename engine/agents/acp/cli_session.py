"""A conversation with a CLI: questions go in, thoughts and usage come out, within limits of time.

How the CLI is spoken to is the matter of `conversation.py` (the Agent Client Protocol) and of
`headless.py` (Claude Code's own JSON lines).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from engine.agents.acp.clis import Cli
from engine.agents.base import Thought, Usage
from engine.agents.llm.keys import redact
from engine.core.config import ResearchConfig
from engine.core.errors import AgentError, OverloadedError
from engine.core.patches.patch import make_patch
from engine.core.text import sanitize

QUIET_TIMES = 3.0
"""A CLI may be silent for so many times a model's idle limit: its tools run unheard."""
_LONGEST_PIECE = 100_000
_LONGEST_DIFF = 6_000
_LONGEST_SPEECH = 200_000


class CliSession(Protocol):
    """A session of a CLI."""

    @property
    def said(self) -> str:
        """What it said since its last tool call: its final message, once the turn has ended."""
        ...

    async def open(self) -> None:
        """Begin the session.

        Raises:
            AgentError: It cannot begin.
        """
        ...

    def ask(self, text: str) -> AsyncGenerator[Thought | Usage, None]:
        """Say something, and yield what comes until the turn ends.

        Raises:
            AgentError: The turn broke.
        """
        ...

    async def close(self) -> None:
        """End the session and every process of it."""
        ...


class Listener:
    """Carries what a CLI says from whoever reads it to whoever asked, and watches the time.

    Args:
        cli: Named in errors.
        config: With the limits.
        secrets: Replaced in everything that passes.
    """

    def __init__(self, cli: Cli, config: ResearchConfig, secrets: Sequence[str]) -> None:
        self._cli = cli
        self._idle = config.idle_seconds * QUIET_TIMES
        self._total = config.answer_seconds
        self._secrets = secrets
        self._pieces: asyncio.Queue[Thought | Usage | None] = asyncio.Queue()
        self._heard = 0.0
        self._speech = ""
        self._inside = ""
        self._changed: list[str] = []

    @property
    def said(self) -> str:
        """The message since the last tool call."""
        return self._speech

    def touch(self) -> None:
        """Something came, whatever it was."""
        self._heard = asyncio.get_running_loop().time()

    def think(self, text: str) -> None:
        """A piece of its reasoning."""
        self._flow("thought", text)

    def speak(self, text: str) -> None:
        """A piece of its message."""
        self._speech = (self._speech + text)[-_LONGEST_SPEECH:]
        self._flow("message", text)

    def note(self, line: str) -> None:
        """A line of its own: what it does, or what was refused."""
        self._flow("", f"{line}\n")

    def act(self, line: str) -> None:
        """It uses a tool: what it said before was not its last word."""
        self._speech = ""
        self.note(line)

    def diff(self, path: str, old: str, new: str) -> None:
        """An edit it makes, as it shows it."""
        patch = make_patch(path, _whole_lines(old), _whole_lines(new))
        # The same edit is told as it is planned and as it is done, with more lines around it.
        changed = [line for line in patch.splitlines()[2:] if line[:1] in "+-"]
        if not changed or changed == self._changed:
            return
        self._changed = changed
        if len(patch) > _LONGEST_DIFF:
            patch = f"{patch[:_LONGEST_DIFF].rstrip()}\n[… the rest of the diff is left out …]\n"
        self._flow("", patch)

    def used(self, usage: Usage) -> None:
        """What a turn has cost, if anything."""
        if usage.prompt_tokens or usage.completion_tokens or usage.dollars:
            self._pieces.put_nowait(usage)

    def _flow(self, kind: str, text: str) -> None:
        text = redact(sanitize(text[:_LONGEST_PIECE]), self._secrets)
        if not text:
            return
        # A change of voice begins a paragraph; so does every line of its own.
        turn = "\n\n" if self._inside and kind != self._inside else ""
        turn = "\n" if kind == "" and self._inside else turn
        self._inside = kind
        self._pieces.put_nowait(Thought(turn + text))

    async def until(self, turn: asyncio.Task[None]) -> AsyncGenerator[Thought | Usage, None]:
        """Yield what comes until a task is done, then raise what it raised.

        Raises:
            OverloadedError: Nothing came for too long, or it took too long as a whole.
        """
        self._speech = ""
        turn.add_done_callback(lambda _: self._pieces.put_nowait(None))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._total
        self.touch()
        try:
            while True:
                limit = min(deadline, self._heard + self._idle)
                try:
                    async with asyncio.timeout_at(limit):
                        piece = await self._pieces.get()
                except TimeoutError:
                    if loop.time() < min(deadline, self._heard + self._idle):
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
        return OverloadedError(what, "", "Raise `idle_seconds` if it is merely slow.")


def _whole_lines(text: str) -> str:
    """An excerpt ends where it ends, which says nothing about the file."""
    return text if not text or text.endswith("\n") else f"{text}\n"
