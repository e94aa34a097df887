"""Messages to people elsewhere: which, how many, through a real service, and never in the way."""

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
from engine.notify.notifier import VARIABLE, News, Notifier, Sent, addresses, send, service_of
from engine.store.journal import Journal
from tests.tui.synthetic import Tried, attempt, opening

UNTIL = datetime(2026, 11, 22, tzinfo=UTC)


class Ears:
    """What people were told; may fail or hang."""

    def __init__(self, trouble: str = "", error: Exception | None = None) -> None:
        self.told: list[str] = []
        self._trouble = trouble
        self._error = error

    def __call__(self, urls: Sequence[str], title: str, body: str) -> list[Sent]:
        self.told.append(body)
        if self._error is not None:
            raise self._error
        return [Sent(service_of(url), self._trouble) for url in urls]


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


def notifier(
    journal: Journal, workspace: Path, ears: Ears, clock: list[float] | None = None
) -> Notifier:
    seconds = clock or [0.0]
    made = Notifier(workspace, {VARIABLE: "json://one, json://two"}, lambda: seconds[0], ears)
    made.attach(journal)
    return made


def tell(journal: Journal, *events: ev.AnyEvent) -> None:
    for event in events:
        journal.append(event)


async def test_each_kind_is_told(journal: Journal, tmp_path: Path) -> None:
    ears = Ears()
    told = notifier(journal, tmp_path, ears)
    tell(
        journal,
        *question(1, "swap the \x1b[2J optimizer\n"),
        ev.ProposalParked(queued=1, reason=""),
        *attempt(1, Tried(Verdict.KEEP, 1.0, 44.0, "baseline")),
        *attempt(2, Tried(Verdict.KEEP, 0.9, 44.0, "wider"), best=1.0),
        ev.AlarmRaised(kind=AlarmKind.PLATEAU, message="flat for 12"),
        ev.AlarmRaised(kind=AlarmKind.LOOKAHEAD, message="not told"),
        ev.Paused(by=Actor.PERSON, reason="not told"),
        ev.Resumed(by=Actor.SCREEN),
        ev.Paused(by=Actor.ENGINE, reason="the disk is full", todo="free some"),
        ev.SessionEnded(reason="done"),
    )
    await told.close()
    assert sorted(ears.told) == sorted(
        [
            "needs your word: swap the optimizer",
            "parked: swap the optimizer",
            "new best: val_bpb 0.900000 by #2: wider",
            "flat for 12",
            "paused: the disk is full free some",
            "the session has ended: done",
        ]
    )


async def test_a_burst_is_one_message_and_one_more(journal: Journal, tmp_path: Path) -> None:
    ears = Ears()
    told = notifier(journal, tmp_path, ears)
    for number in range(1, 7):
        tell(journal, *question(number, f"idea {number}"))
    await told.close()
    assert ears.told == [
        "needs your word: idea 1",
        "needs your word: idea 2 (and 4 more)",
    ]


async def test_after_a_minute_it_is_told_at_once(journal: Journal, tmp_path: Path) -> None:
    clock, ears = [0.0], Ears()
    told = notifier(journal, tmp_path, ears, clock)
    tell(journal, *question(1))
    clock[0] = 61.0
    tell(journal, *question(2))
    await asyncio.sleep(0)
    await told.close()
    assert len(ears.told) == 2


@pytest.mark.parametrize(
    ("ears", "why"),
    [
        (Ears(trouble="it did not take the message"), "json://…: it did not take the message"),
        (Ears(error=EnvironmentProblem("apprise is not installed.")), "apprise is not installed"),
        (Ears(error=RuntimeError("json://user:secret@host")), "RuntimeError"),
    ],
)
async def test_a_service_that_fails_is_told_once(
    journal: Journal, tmp_path: Path, ears: Ears, why: str
) -> None:
    told = notifier(journal, tmp_path, ears)
    tell(journal, *question(1), ev.ProposalParked(queued=1, reason=""))
    await asyncio.wait(set(told._sending))
    await told.close()
    alarms = [alarm.message for alarm in journal.session.alarms]
    assert len(alarms) == 1
    assert why in alarms[0]
    assert "secret" not in alarms[0]


async def test_without_addresses_nobody_listens(journal: Journal, tmp_path: Path) -> None:
    told = Notifier(tmp_path, {}, teller=Ears())
    told.attach(journal)
    assert journal._listeners == []


def test_the_file(tmp_path: Path) -> None:
    path = tmp_path / ".autoresearch" / "notify.toml"
    path.parent.mkdir()
    path.write_text('urls = ["ntfy://a"]\nevents = ["best", "ended"]\n')
    found = addresses(tmp_path, {VARIABLE: "json://b, ,ntfy://a"})
    assert found.urls == ("json://b", "ntfy://a")
    assert found.events == (News.BEST, News.ENDED)
    for text in ('urls = "ntfy://user:secret@a"', "urls = [ntfy://user:secret@a]", 'event = ["x"]'):
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            addresses(tmp_path, {})
        assert "secret" not in str(caught.value)


async def test_only_the_kinds_asked_for(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / ".autoresearch" / "notify.toml"
    path.parent.mkdir()
    path.write_text('urls = ["json://a"]\nevents = ["ended"]\n')
    ears = Ears()
    told = Notifier(tmp_path, {}, teller=ears)
    told.attach(journal)
    tell(journal, *question(1), ev.SessionEnded(reason="done"))
    await told.close()
    assert ears.told == ["the session has ended: done"]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise's own
def test_apprise_for_real(tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    got: list[dict[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

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
    assert [bool(each.trouble) for each in sent] == [False, True, True], sent
    assert (got[0]["title"], got[0]["message"]) == ("autoresearch t", "a <b>bold</b> one")
