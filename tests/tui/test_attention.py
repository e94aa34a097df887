"""The bell, the title and the notification: when, how often and on which terminals."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind, ReviewAnswer, Verdict
from engine.core.needs import needs_of
from engine.core.reducer import fold
from engine.core.session import Session
from tests.hostile import ATTACK
from tests.tui.seeing import until
from tests.tui.synthetic import (
    START,
    MemoryFeed,
    Tried,
    attempt,
    made_up,
    numbered,
    session_of,
)
from tui.app import SupervisorApp
from tui.commands.notify import notify
from tui.settings import Notifications, load_settings
from tui.terminal.attention import (
    Attention,
    message_text,
    notification_kind,
    notification_sequence,
    title_of,
)

KITTY = {"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}


class RecordingTerminal:
    """A terminal that records what is written, and a clock that a test moves."""

    def __init__(self, environ: dict[str, str], wanted: Notifications = Notifications.AUTO) -> None:
        self.written: list[str] = []
        self.seconds = 100.0
        self.attention = Attention(self.written.append, lambda: self.seconds, environ, wanted)

    @property
    def bells(self) -> int:
        return self.written.count("\a")

    @property
    def notes(self) -> list[str]:
        return [w for w in self.written if w.startswith(("\x1b]9;", "\x1b]777;", "\x1bPtmux"))]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return session_of(tmp_path, made_up(20))


def after(session: Session, *events: ev.AnyEvent) -> Session:
    return fold(numbered(list(events), session.seq, session.at), session)


def asked(number: int, hypothesis: str = "swap the optimizer") -> list[ev.AnyEvent]:
    proposal = ev.Proposal(patch_id=f"q{number}", hypothesis=hypothesis)
    return [
        ev.ProposalQueued(queued=number, base="0" * 40, proposal=proposal, patch="", after=20),
        ev.ReviewRequested(
            queued=number,
            patch_id=f"q{number}",
            why="a new import",
            until=START + timedelta(days=1),
        ),
    ]


ALARMS: dict[str, list[ev.AnyEvent]] = {
    "asked": asked(1),
    "parked": [*asked(1), ev.ProposalParked(queued=1, reason="no answer in time")],
    "paused": [ev.Paused(by=Actor.ENGINE, reason="the disk is full")],
    "plateau": [ev.AlarmRaised(kind=AlarmKind.PLATEAU, message="nothing kept for 12 experiments")],
    "ended": [ev.SessionEnded(reason="200 experiments")],
}


@pytest.mark.parametrize("what", list(ALARMS))
def test_each_need_rings_once(session: Session, what: str) -> None:
    terminal = RecordingTerminal(KITTY)
    terminal.attention.show(session)
    assert terminal.written == []
    waiting = after(session, *ALARMS[what])
    for _ in range(5):
        terminal.attention.show(waiting)
        terminal.seconds += 60
    assert terminal.bells == 1
    assert len(terminal.notes) == 1
    assert bool([w for w in terminal.written if "needs you" in w]) == (what != "ended")


def test_the_users_own_acts_and_old_needs_are_silent(session: Session) -> None:
    terminal = RecordingTerminal(KITTY)
    terminal.attention.show(after(session, *asked(1)))
    terminal.attention.show(after(session, *asked(1), ev.Paused(by=Actor.PERSON, reason="")))
    assert terminal.bells == 0
    assert terminal.notes == []


def test_one_bell_in_thirty_seconds_and_none_for_a_past_need(session: Session) -> None:
    terminal = RecordingTerminal(KITTY)
    terminal.attention.show(session)
    now = session
    for number in range(1, 6):
        now = after(now, *asked(number))
        terminal.attention.show(now)
        terminal.seconds += 1
    assert terminal.bells == 1
    terminal.seconds += 25
    terminal.attention.show(now)
    assert terminal.bells == 2, "the others ring once the interval has passed"
    late = after(now, *asked(9))
    terminal.attention.show(late)
    decided = ev.ReviewDecided(
        queued=9, patch_id="q9", decision=ReviewAnswer.APPROVE, by=Actor.SCREEN
    )
    terminal.attention.show(after(late, decided))
    terminal.seconds += 60
    terminal.attention.show(after(late, decided))
    assert terminal.bells == 2


def test_a_new_best_notifies_without_a_bell(session: Session) -> None:
    best = Tried(Verdict.KEEP, 0.5, 44.0, "it worked")
    better = after(session, *attempt(21, best, best=0.9)[3:])
    terminal = RecordingTerminal(KITTY)
    terminal.attention.show(session)
    terminal.attention.show(better)
    assert terminal.bells == 0
    (note,) = terminal.notes
    text = "autoresearch: new best: val_bpb 0.500000 by #21: Warm-down over 70 % of the run"
    assert note == f"\x1b]9;{text}\x1b\\"


def test_the_title_is_set_while_the_user_is_needed(session: Session) -> None:
    terminal = RecordingTerminal({"TERM": "xterm-256color"})
    waiting = after(session, *asked(1))
    terminal.attention.show(waiting)
    assert terminal.written[0] == "\x1b[22;2t"
    assert terminal.written[1].startswith("\x1b]2;needs you · #21 · 0.9")
    terminal.attention.show(waiting)
    assert len(terminal.written) == 2
    terminal.attention.restore()
    assert terminal.written[2] == "\x1b]2;\x1b\\\x1b[23;2t"
    terminal.attention.restore()
    assert len(terminal.written) == 3


def test_the_setting_off_writes_nothing(session: Session) -> None:
    terminal = RecordingTerminal(KITTY, Notifications.OFF)
    terminal.attention.show(session)
    terminal.attention.show(after(session, *asked(1)))
    terminal.attention.restore()
    assert terminal.written == []


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({"TERM": "xterm-256color"}, 0),
        ({}, 0),
        ({"TERM": "linux"}, 0),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, 9),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, 9),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, 0),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode"}, 0),
        ({"TERM": "xterm-ghostty"}, 9),
        (KITTY, 9),
        ({"TERM": "foot"}, 777),
        ({"TERM": "xterm-256color", "WT_SESSION": "x"}, 0),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x", "KITTY_WINDOW_ID": "1"}, 0),
        ({"TERM": "screen-256color", "TERM_PROGRAM": "iTerm.app"}, 0),
    ],
)
def test_only_a_known_terminal_gets_a_notification(environ: dict[str, str], code: int) -> None:
    kind = notification_kind(environ)
    assert kind.code == code
    assert bool(notification_sequence(kind, "x")) == bool(code)
    assert notification_sequence(kind, "x", always=True)


def test_a_notification_inside_tmux_is_wrapped() -> None:
    kind = notification_kind({"TERM": "tmux-256color", "TMUX": "/tmp/x"})
    sequence = notification_sequence(kind, "hello", always=True)
    assert sequence == "\x1bPtmux;\x1b\x1b]9;autoresearch: hello\x1b\x1b\\\x1b\\"


def test_hostile_text_stays_text(session: Session) -> None:
    text = message_text(f"a {ATTACK}\nb " + "x" * 100_000)
    assert len(text) <= 120
    assert not set(text) & {chr(n) for n in (*range(32), *range(127, 160))}
    waiting = after(
        session,
        *asked(1, f"4;1;2 {ATTACK}"),
        ev.Paused(by=Actor.ENGINE, reason=f"bad {ATTACK}"),
        ev.AlarmRaised(kind=AlarmKind.PLATEAU, message=ATTACK),
    )
    for environ in (KITTY, {"TERM": "foot"}):
        terminal = RecordingTerminal(environ)
        terminal.attention.show(session)
        terminal.attention.show(waiting)
        for written in terminal.notes:
            inner = written.removeprefix("\x1b]").removesuffix("\x1b\\")
            assert "\x1b" not in inner
            assert "\a" not in inner
    assert "\x1b" not in title_of(waiting)
    assert len(needs_of(waiting)) == 3


@pytest.mark.parametrize("word", list(Notifications))
def test_the_setting_is_read_from_its_file(home: Path, word: Notifications) -> None:
    path = home / "config" / "autoresearch-tui" / "settings.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'notifications = "{word}"\n')
    assert load_settings()[0].notifications is word
    path.write_text('notifications = "loud"\n')
    settings, error = load_settings()
    assert settings.notifications is Notifications.AUTO
    assert "loud" in error


async def test_the_screen_rings_for_a_question(
    app: SupervisorApp, feed: MemoryFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    async with app.run_test(size=(80, 24)) as pilot:
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", written.append)
        await until(pilot, lambda: app.view.session.seq)
        feed.happen(*asked(1))
        await until(pilot, lambda: "\a" in written)
        assert any("needs you" in each for each in written)
        app.exit()
        await until(pilot, lambda: "\x1b]2;\x1b\\\x1b[23;2t" in written)


# ---- the verb ------------------------------------------------------------------------------------


def test_the_verb_lists_where_messages_are_sent(tmp_path: Path) -> None:
    shown = CliRunner(env={"AUTORESEARCH_NOTIFY": "ntfy://user:secret@host/topic"}).invoke(
        notify, ["-C", str(tmp_path)]
    )
    assert shown.exit_code == 0, shown.output
    assert "elsewhere: ntfy://…" in shown.output
    assert "secret" not in shown.output
    tried = CliRunner().invoke(notify, ["--test", "-C", str(tmp_path)])
    assert "terminal: nothing sent" in tried.output
    assert "elsewhere: no address" in tried.output
