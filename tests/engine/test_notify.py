"""Messages to a user elsewhere: which, how many, through a real service, without delay."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind, Verdict
from engine.core.errors import ConfigError, EnvironmentProblem
from engine.core.needs import NeedKind
from engine.notify.addresses import VARIABLE, addresses, service_of
from engine.notify.notifier import Notifier
from engine.notify.sending import Sent, send
from engine.store.journal import Journal
from tests.tui.synthetic import Tried, attempt, opening

UNTIL = datetime(2026, 11, 22, tzinfo=UTC)


class RecordingSender:
    """Records the messages; may fail."""

    def __init__(self, failure: str = "", error: Exception | None = None) -> None:
        self.messages: list[str] = []
        self._failure = failure
        self._error = error

    def __call__(self, urls: Sequence[str], title: str, body: str) -> list[Sent]:
        self.messages.append(body)
        if self._error is not None:
            raise self._error
        return [Sent(service_of(url), self._failure) for url in urls]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.jsonl")
    for event in opening(tmp_path):
        journal.append(event)
    yield journal
    journal.close()


def question(number: int, hypothesis: str = "an idea") -> list[ev.AnyEvent]:
    proposal = ev.Proposal(patch_id=f"q{number}", hypothesis=hypothesis)
    return [
        ev.ProposalQueued(queued=number, base="0" * 40, proposal=proposal, patch="", after=0),
        ev.ReviewRequested(queued=number, patch_id=f"q{number}", why="", until=UNTIL),
    ]


def attached(
    journal: Journal, workspace: Path, sender: RecordingSender, clock: list[float] | None = None
) -> Notifier:
    seconds = clock or [0.0]
    notifier = Notifier(workspace, {VARIABLE: "json://one, json://two"}, lambda: seconds[0], sender)
    notifier.attach(journal)
    return notifier


def tell(journal: Journal, *events: ev.AnyEvent) -> None:
    for event in events:
        journal.append(event)


async def test_each_kind_of_need_is_sent(journal: Journal, tmp_path: Path) -> None:
    sender = RecordingSender()
    notifier = attached(journal, tmp_path, sender)
    tell(
        journal,
        *question(1, "swap the \x1b[2J optimizer\n"),
        ev.ProposalParked(queued=1, reason=""),
        *attempt(1, Tried(Verdict.KEEP, 1.0, 44.0, "baseline")),
        *attempt(2, Tried(Verdict.KEEP, 0.9, 44.0, "wider"), best=1.0),
        ev.AlarmRaised(kind=AlarmKind.PLATEAU, message="flat for 12"),
        ev.AlarmRaised(kind=AlarmKind.LOOKAHEAD, message="not sent"),
        ev.Paused(by=Actor.PERSON, reason="not sent"),
        ev.Resumed(by=Actor.SCREEN),
        ev.Paused(by=Actor.ENGINE, reason="the disk is full", todo="free some"),
        ev.SessionEnded(reason="done"),
    )
    await notifier.close()
    assert sorted(sender.messages) == sorted(
        [
            "approve? swap the optimizer",
            "parked: swap the optimizer",
            "new best: val_bpb 0.900000 by #2: wider",
            "flat for 12",
            "paused: the disk is full free some",
            "the session has ended: done",
        ]
    )


async def test_a_burst_is_one_message_and_one_more(journal: Journal, tmp_path: Path) -> None:
    sender = RecordingSender()
    notifier = attached(journal, tmp_path, sender)
    for number in range(1, 7):
        tell(journal, *question(number, f"idea {number}"))
    await notifier.close()
    assert sender.messages == [
        "approve? idea 1",
        "approve? idea 2 (and 4 more)",
    ]


async def test_after_a_minute_a_message_is_sent_at_once(journal: Journal, tmp_path: Path) -> None:
    clock, sender = [0.0], RecordingSender()
    notifier = attached(journal, tmp_path, sender, clock)
    tell(journal, *question(1))
    clock[0] = 61.0
    tell(journal, *question(2))
    await asyncio.sleep(0)
    await notifier.close()
    assert len(sender.messages) == 2


@pytest.mark.parametrize(
    ("sender", "why"),
    [
        (RecordingSender(failure="it refused the message"), "json://…: it refused the message"),
        (
            RecordingSender(error=EnvironmentProblem("apprise is not installed.")),
            "apprise is not installed",
        ),
        (RecordingSender(error=RuntimeError("json://user:secret@host")), "RuntimeError"),
    ],
)
async def test_a_failing_service_raises_one_alarm(
    journal: Journal, tmp_path: Path, sender: RecordingSender, why: str
) -> None:
    notifier = attached(journal, tmp_path, sender)
    tell(journal, *question(1), ev.ProposalParked(queued=1, reason=""))
    await asyncio.wait(set(notifier._sending))
    await notifier.close()
    alarms = [alarm.message for alarm in journal.session.alarms]
    assert len(alarms) == 1
    assert why in alarms[0]
    assert "secret" not in alarms[0]


async def test_without_addresses_no_message_is_prepared(journal: Journal, tmp_path: Path) -> None:
    notifier = Notifier(tmp_path, {}, sender=RecordingSender())
    notifier.attach(journal)
    assert journal._listeners == []


def test_the_file_of_addresses(tmp_path: Path) -> None:
    path = tmp_path / ".autoresearch" / "notify.toml"
    path.parent.mkdir()
    path.write_text('urls = ["ntfy://a"]\nevents = ["best", "ended"]\n')
    found = addresses(tmp_path, {VARIABLE: "json://b, ,ntfy://a"})
    assert found.urls == ("json://b", "ntfy://a")
    assert found.events == (NeedKind.BEST, NeedKind.ENDED)
    for text in ('urls = "ntfy://user:secret@a"', "urls = [ntfy://user:secret@a]", 'event = ["x"]'):
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            addresses(tmp_path, {})
        assert "secret" not in str(caught.value)


async def test_only_the_chosen_kinds_are_sent(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / ".autoresearch" / "notify.toml"
    path.parent.mkdir()
    path.write_text('urls = ["json://a"]\nevents = ["ended"]\n')
    sender = RecordingSender()
    notifier = Notifier(tmp_path, {}, sender=sender)
    notifier.attach(journal)
    tell(journal, *question(1), ev.SessionEnded(reason="done"))
    await notifier.close()
    assert sender.messages == ["the session has ended: done"]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise's own
def test_a_real_message_through_apprise(tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    got: list[dict[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        base = f"json://127.0.0.1:{server.server_port}"
        sent = send(
            [f"{base}/", f"{base}/broken", "nonsense"], "autoresearch t", "a <b>bold</b> one"
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert [bool(each.error) for each in sent] == [False, True, True], sent
    assert (got[0]["title"], got[0]["message"]) == ("autoresearch t", "a <b>bold</b> one")
