"""Sends the user notifications about events that need them, without delaying the engine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.core import events as ev
from engine.core.enums import AlarmKind
from engine.core.errors import EnvironmentProblem, JournalError
from engine.core.needs import NeedKind, need_in
from engine.core.text import one_line
from engine.notify.addresses import addresses
from engine.notify.sending import Sent, send
from engine.store.journal import Journal

_log = logging.getLogger(__name__)

BETWEEN_SECONDS = 60.0
_SEND_SECONDS = 60.0
_CLOSE_SECONDS = 10.0
_CHARACTERS = 300


class _Batch:
    """The notifications of one kind that wait to be sent together: the first, and a count."""

    def __init__(self) -> None:
        self.first = ""
        self.more = 0
        self.timer: asyncio.TimerHandle | None = None
        self.sent_at: float | None = None

    def take(self) -> str:
        more = f" (and {self.more} more)" if self.more else ""
        text, self.first, self.more = self.first + more, "", 0
        return text


class Notifier:
    """Sends a notification for each event of a journal that needs the user.

    At most one message a minute is sent of each kind, and later ones are counted in the next. The
    message about the session's end is sent at once.

    Args:
        workspace: The workspace with `.autoresearch/notify.toml`.
        environ: The environment with AUTORESEARCH_NOTIFY; this process's by default.
        clock: Returns seconds of a monotonic clock.
        sender: Called in a thread with addresses, a title and a text; sends them.

    Raises:
        ConfigError: notify.toml is invalid or cannot be read.
    """

    def __init__(
        self,
        workspace: Path,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sender: Callable[[Sequence[str], str, str], list[Sent]] = send,
    ) -> None:
        self._addresses = addresses(workspace, os.environ if environ is None else environ)
        self._clock = clock
        self._sender = sender
        self._journal: Journal | None = None
        self._batches = {kind: _Batch() for kind in NeedKind}
        self._sending: set[asyncio.Task[None]] = set()
        self._failed = False

    def attach(self, journal: Journal) -> None:
        """Listen to a journal and send messages about its later events, if there is an address."""
        self._journal = journal
        if self._addresses.urls:
            journal.listen(self._on_event)

    def _on_event(self, event: ev.AnyEvent) -> None:
        assert self._journal is not None
        need = need_in(event, self._journal.session)
        if need is None or need.kind not in self._addresses.events:
            return
        kind = need.kind
        self._add(kind, need.text)

    def report(self, kind: NeedKind, text: str) -> None:
        """Send a message about something that no event records, if there is an address."""
        if self._addresses.urls and kind in self._addresses.events:
            self._add(kind, text)

    def _add(self, kind: NeedKind, text: str) -> None:
        batch = self._batches[kind]
        if batch.first:
            batch.more += 1
            return
        batch.first = one_line(text, _CHARACTERS)
        since = None if batch.sent_at is None else self._clock() - batch.sent_at
        if since is None or since >= BETWEEN_SECONDS or kind is NeedKind.ENDED:
            self._send(kind)
        else:
            loop = asyncio.get_running_loop()
            batch.timer = loop.call_later(BETWEEN_SECONDS - since, self._send, kind)

    def _send(self, kind: NeedKind) -> None:
        batch = self._batches[kind]
        batch.timer, batch.sent_at = None, self._clock()
        if text := batch.take():
            task = asyncio.get_running_loop().create_task(self._deliver(text))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _deliver(self, text: str) -> None:
        assert self._journal is not None
        title = f"autoresearch {self._journal.session.config.tag}".strip()
        try:
            sent = await asyncio.wait_for(self._send_in_thread(title, text), _SEND_SECONDS)
        except EnvironmentProblem as error:
            self._report_failure(str(error))
            return
        except TimeoutError:
            self._report_failure("no answer within a minute")
            return
        except Exception as error:
            self._report_failure(type(error).__name__)
            return
        if failed := [each for each in sent if each.error]:
            self._report_failure("; ".join(f"{each.service}: {each.error}" for each in failed))

    def _send_in_thread(self, title: str, text: str) -> asyncio.Future[list[Sent]]:
        """Send a message in a daemon thread, and return the future of its results.

        A daemon thread does not delay the engine's end if a service does not answer.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Sent]] = loop.create_future()

        def settle(sent: list[Sent] | None, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(sent or [])

        def work() -> None:
            sent, failure = None, None
            try:
                sent = self._sender(self._addresses.urls, title, text)
            except Exception as error:
                failure = error
            with contextlib.suppress(RuntimeError):  # the event loop has ended
                loop.call_soon_threadsafe(settle, sent, failure)

        threading.Thread(target=work, name="notify", daemon=True).start()
        return future

    def _report_failure(self, why: str) -> None:
        """Record an alarm event in the journal for the first failure; ignore later ones."""
        if self._failed or self._journal is None:
            return
        self._failed = True
        message = f"A notification could not be sent ({why}); `autoresearch-tui notify --test`."
        try:
            self._journal.append(ev.AlarmRaised(kind=AlarmKind.NOTIFY, message=message))
        except JournalError as error:
            _log.error("%s This was not recorded: %s", message, error)

    async def close(self) -> None:
        """Send the messages that still wait, and give all of them ten seconds to be delivered."""
        for kind, batch in self._batches.items():
            if batch.timer is not None:
                batch.timer.cancel()
            if batch.first:
                self._send(kind)
        self._failed = True  # the journal is about to be closed
        if self._sending:
            await asyncio.wait(set(self._sending), timeout=_CLOSE_SECONDS)
