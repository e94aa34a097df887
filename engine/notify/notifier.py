"""Messages to a person who is elsewhere: ntfy, Slack, Telegram, mail and whatever apprise knows.

The addresses hold passwords, so they come from the environment variable AUTORESEARCH_NOTIFY or from
`.autoresearch/notify.toml`; they are never written into the journal, nor passed to a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind, Verdict
from engine.core.errors import ConfigError, EnvironmentProblem
from engine.core.layout import HOME_NAME
from engine.core.session import Session
from engine.core.text import one_line
from engine.store.journal import Journal

VARIABLE = "AUTORESEARCH_NOTIFY"
FILE = Path(HOME_NAME) / "notify.toml"
INSTALL = 'Install it: pip install "autoresearch-tui[notify]"'
BETWEEN_SECONDS = 60.0
_SEND_SECONDS = 60.0
_CLOSE_SECONDS = 10.0
_CHARACTERS = 300


class News(StrEnum):
    """What a person is told of."""

    APPROVAL = "approval"
    PARKED = "parked"
    BEST = "best"
    PLATEAU = "plateau"
    PAUSED = "paused"
    ENDED = "ended"


class Addresses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To whom, and of what."""

    urls: tuple[str, ...] = ()
    """As apprise has them."""
    events: tuple[News, ...] = tuple(News)


def addresses(workspace: Path, environ: Mapping[str, str]) -> Addresses:
    """Whom to tell: those of the environment and those of the file.

    Raises:
        ConfigError: The file is broken.
    """
    path = workspace / FILE
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Addresses)
    except FileNotFoundError:
        found = Addresses()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read.", f"{error.strerror}.") from None
    except (ValueError, msgspec.ValidationError) as error:
        # Of the file's own text, which holds passwords, nothing is repeated.
        why = str(error) if isinstance(error, msgspec.ValidationError) else "It is not TOML."
        raise ConfigError(
            f"{path} cannot be used.", why, 'It has urls = ["…"] and events = ["approval", …].'
        ) from None
    named = [url.strip() for url in environ.get(VARIABLE, "").split(",") if url.strip()]
    return Addresses(tuple(dict.fromkeys((*named, *found.urls))), found.events)


def service_of(url: str) -> str:
    """What may be told of an address: its kind, none of its secrets."""
    scheme, separator, _ = url.partition("://")
    return (
        f"{scheme}://…" if separator and scheme.isascii() and scheme.isalnum() else "(no address)"
    )


class Sent(NamedTuple):
    """What came of one message to one service."""

    service: str
    trouble: str
    """Empty where it was taken."""


def send(urls: Sequence[str], title: str, body: str) -> list[Sent]:
    """Tell each service; takes as long as the slowest. Never raises what a service does.

    Raises:
        EnvironmentProblem: apprise is not installed.
    """
    try:
        import apprise
        from apprise.common import NotifyFormat
    except ImportError:
        raise EnvironmentProblem("apprise is not installed.", "", f"{INSTALL}.") from None
    import logging

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would print addresses
    results = []
    for url in urls:
        service = service_of(url)
        try:
            teller = apprise.Apprise()
            if not teller.add(url):
                results.append(Sent(service, "apprise does not know such an address"))
                continue
            taken = teller.notify(body=body, title=title, body_format=NotifyFormat.TEXT)
        except Exception as error:
            results.append(Sent(service, f"it failed ({type(error).__name__})"))
            continue
        results.append(Sent(service, "" if taken else "it did not take the message"))
    return results


# ---- what is told --------------------------------------------------------------------------------


def news_in(event: ev.AnyEvent, session: Session) -> tuple[News, str] | None:
    """What this event tells a person.

    Args:
        event: Of the journal.
        session: With the event folded in.
    """
    match event:
        case ev.ReviewRequested():
            return News.APPROVAL, f"needs your word: {_hypothesis(session, event.queued)}"
        case ev.ProposalParked():
            return News.PARKED, f"parked: {_hypothesis(session, event.queued)}"
        case ev.FrontierAdvanced() if event.experiment > 1:
            return News.BEST, _best(session, event.experiment)
        case ev.AlarmRaised(kind=AlarmKind.PLATEAU):
            return News.PLATEAU, event.message
        case ev.Paused() if event.by is not Actor.PERSON:
            return News.PAUSED, f"paused: {event.reason} {event.todo}"
        case ev.SessionEnded():
            return News.ENDED, f"the session has ended: {event.reason}"
        case _:
            return None


def _hypothesis(session: Session, number: int) -> str:
    found = [q.proposal.hypothesis for q in session.queue if q.number == number]
    return found[0] if found else "a proposal"


def _best(session: Session, number: int) -> str:
    best = session.experiment(number)
    if best.effective_verdict is not Verdict.KEEP or best.measurement is None:
        return f"the frontier moved to #{number}"
    value = f"{session.config.metric} {best.measurement.metric:.6f}"
    return f"new best: {value} by #{number}: {best.proposal.hypothesis}"


class _Pile:
    """What waits to be told of one kind."""

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
    """Listens to a journal and tells people, without the loop ever waiting for it.

    Args:
        workspace: Where `notify.toml` may lie.
        environ: May name addresses.
        clock: Seconds, monotonic.
        teller: Sends to addresses; `send` by default.

    Raises:
        ConfigError: The file is broken; nothing is sent then.
    """

    def __init__(
        self,
        workspace: Path,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        teller: Callable[[Sequence[str], str, str], list[Sent]] = send,
    ) -> None:
        self._where = addresses(workspace, os.environ if environ is None else environ)
        self._clock = clock
        self._teller = teller
        self._journal: Journal | None = None
        self._piles = {kind: _Pile() for kind in News}
        self._sending: set[asyncio.Task[None]] = set()
        self._failed = False

    def attach(self, journal: Journal) -> None:
        """Tell of what happens from now on; nothing at all where no address is known."""
        self._journal = journal
        if self._where.urls:
            journal.listen(self._happened)

    def _happened(self, event: ev.AnyEvent) -> None:
        assert self._journal is not None
        news = news_in(event, self._journal.session)
        if news is None or news[0] not in self._where.events:
            return
        kind, text = news
        pile = self._piles[kind]
        if pile.first:
            pile.more += 1
            return
        pile.first = one_line(text, _CHARACTERS)
        since = None if pile.sent_at is None else self._clock() - pile.sent_at
        if since is None or since >= BETWEEN_SECONDS or kind is News.ENDED:
            self._send(kind)
        else:
            loop = asyncio.get_running_loop()
            pile.timer = loop.call_later(BETWEEN_SECONDS - since, self._send, kind)

    def _send(self, kind: News) -> None:
        pile = self._piles[kind]
        pile.timer, pile.sent_at = None, self._clock()
        if text := pile.take():
            task = asyncio.get_running_loop().create_task(self._tell(text))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _tell(self, text: str) -> None:
        assert self._journal is not None
        title = f"autoresearch {self._journal.session.config.tag}".strip()
        try:
            sent = await asyncio.wait_for(self._beside(title, text), _SEND_SECONDS)
        except EnvironmentProblem as error:
            self._complain(str(error))
            return
        except TimeoutError:
            self._complain("no answer within a minute")
            return
        except Exception as error:
            self._complain(type(error).__name__)
            return
        if failed := [each for each in sent if each.trouble]:
            self._complain("; ".join(f"{each.service}: {each.trouble}" for each in failed))

    def _beside(self, title: str, text: str) -> asyncio.Future[list[Sent]]:
        """In a thread that nobody waits for at the end: a service may hang."""
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
                sent = self._teller(self._where.urls, title, text)
            except Exception as error:
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens
                loop.call_soon_threadsafe(settle, sent, failure)

        threading.Thread(target=work, name="notify", daemon=True).start()
        return future

    def _complain(self, why: str) -> None:
        """Once; the next failures are no news."""
        if self._failed or self._journal is None:
            return
        self._failed = True
        message = f"A notification could not be sent ({why}); `autoresearch-tui notify --test`."
        self._journal.append(ev.AlarmRaised(kind=AlarmKind.NOTIFY, message=message))

    async def close(self) -> None:
        """Send what still waits; give up after a while."""
        for kind, pile in self._piles.items():
            if pile.timer is not None:
                pile.timer.cancel()
            if pile.first:
                self._send(kind)
        self._failed = True  # the journal is about to be closed
        if self._sending:
            await asyncio.wait(set(self._sending), timeout=_CLOSE_SECONDS)
