"""Calls a person who looks elsewhere: the bell, the window's title, a notification.

Nothing here is text of the screen, so it does not pass the filter of what is painted: whatever is
put into a sequence is cleaned and cut here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from engine.core.enums import SessionState
from engine.core.session import Session
from engine.core.text import one_line
from tui.present.alarm import standing_alarm
from tui.present.numbers import metric
from tui.settings import Notifications

BELL = "\a"
BELL_SECONDS = 30.0
_CHARACTERS = 120
_END = "\x1b\\"
_PUSH_TITLE, _POP_TITLE = "\x1b[22;2t", "\x1b[23;2t"


# ---- what this terminal takes --------------------------------------------------------------------


class NotificationSupport(NamedTuple):
    """What a terminal does with a notification."""

    code: int
    """9 or 777; 0: it is not known to take any."""
    why: str
    """How it was recognised, for the person."""
    inside_tmux: bool = False


def notification_kind(environ: Mapping[str, str]) -> NotificationSupport:
    """Which notification this terminal is known to take.

    OSC 9 is a message to iTerm2, WezTerm, Ghostty and kitty; OSC 777 to foot and urxvt. Others may
    take them for something else, so they get none.
    """
    program, term = environ.get("TERM_PROGRAM", ""), environ.get("TERM", "")
    if environ.get("TMUX") or term.startswith(("screen", "tmux")):
        # What the terminal outside is, and whether tmux lets it through, cannot be told from here.
        return NotificationSupport(
            0, "inside tmux or screen; the bell gets through", bool(environ.get("TMUX"))
        )
    if program in ("iTerm.app", "WezTerm", "ghostty"):
        return NotificationSupport(9, program)
    if environ.get("KITTY_WINDOW_ID") or term == "xterm-kitty":
        return NotificationSupport(9, "kitty")
    if term == "xterm-ghostty":
        return NotificationSupport(9, "ghostty")
    if term.startswith(("foot", "rxvt-unicode")):
        return NotificationSupport(777, term)
    if environ.get("WT_SESSION"):
        return NotificationSupport(0, "Windows Terminal shows none; the bell gets through")
    return NotificationSupport(0, f"{term or 'this terminal'} is not known to show any")


def takes_title(environ: Mapping[str, str]) -> bool:
    """Whether a title can be set without a trace on the screen."""
    return not environ.get("TERM", "").startswith(("linux", "dumb", "vt", "cons"))


def message_text(text: str) -> str:
    """One short line that no terminal obeys."""
    return one_line(text, _CHARACTERS)


def title_sequence(text: str) -> str:
    """OSC 2."""
    return f"\x1b]2;{message_text(text)}{_END}"


def notification_sequence(kind: NotificationSupport, text: str, always: bool = False) -> str:
    """OSC 9 or 777, or nothing.

    Args:
        kind: What the terminal is known to take.
        text: What is to be told.
        always: The person wants it over an unknown terminal as well.
    """
    said = message_text(text).replace(";", ",")
    if kind.code == 777:
        return f"\x1b]777;notify;autoresearch;{said}{_END}"
    if kind.code != 9 and not always:
        return ""
    # The name before it also keeps a text like "4;…" from being a progress bar.
    sequence = f"\x1b]9;autoresearch: {said}{_END}"
    return _through_tmux(sequence) if kind.inside_tmux else sequence


def _through_tmux(sequence: str) -> str:
    """For the terminal around tmux, which drops it unless `allow-passthrough` is on."""
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + _END


# ---- what needs a person -------------------------------------------------------------------------


class Need(NamedTuple):
    """Something that waits for a person, or is news to them."""

    key: str
    """The same for as long as it is the same need."""
    text: str
    calls: bool = True
    """Whether it needs the person, and not only pleases them."""


def needs_of(session: Session) -> tuple[Need, ...]:
    """What needs a person now, the most urgent first."""
    needs: list[Need] = []
    for queued in session.asked:
        what = queued.proposal.hypothesis
        needs.append(Need(f"asked {queued.proposal.patch_id}", f"approve? {what}"))
    for queued in session.parked:
        needs.append(Need(f"parked {queued.number}", f"parked: {queued.proposal.hypothesis}"))
    if session.pause is not None and not by_person(session.pause.by):
        needs.append(Need(f"paused {session.pause.at}", f"paused: {session.pause.reason}"))
    alarm = standing_alarm(session)
    if alarm and session.alarms[-1].kind == "plateau":
        needs.append(Need(f"plateau {session.alarms[-1].at}", alarm))
    if session.ended is not None:
        needs.append(Need("ended", f"the session has ended: {session.ended}"))
    return tuple(needs)


def by_person(name: str) -> bool:
    """Whether it was a person's doing, who need not be told."""
    return name in ("screen", "command line", "person")


def news_of(session: Session) -> Need | None:
    """A new best, which pleases and needs nobody."""
    best, value = session.incumbent, session.best_metric
    if best is None or best == 1 or value is None:
        return None
    return Need(f"best {best}", f"new best: {metric(value)} by #{best}", calls=False)


def title_of(session: Session) -> str:
    """What the title says while somebody is needed; empty when nobody is."""
    if session.state is SessionState.ENDED or not needs_of(session):
        return ""
    number = f"#{len(session.experiments)}" if session.experiments else ""
    value = metric(session.best_metric, 4) if session.best_metric is not None else ""
    return " · ".join(filter(None, ("needs you", number, value)))


# ---- calling -------------------------------------------------------------------------------------


class Attention:
    """Watches what is painted, and calls once for each thing that needs a person.

    Args:
        write: Puts a sequence on the terminal.
        clock: Seconds, monotonic.
        environ: Tells what terminal it is.
        wanted: What the person set.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        clock: Callable[[], float],
        environ: Mapping[str, str],
        wanted: Notifications = Notifications.AUTO,
    ) -> None:
        self._write = write
        self._clock = clock
        self._kind = notification_kind(environ)
        self._titled = takes_title(environ) and wanted is not Notifications.OFF
        self._wanted = wanted
        self._known: set[str] | None = None
        self._rang: float | None = None
        self._pleased: float | None = None
        self._held: Need | None = None
        """What is called for as soon as the bell may ring again."""
        self._title = ""

    def show(self, session: Session) -> None:
        """Call, if this session has something that the last one had not."""
        if self._wanted is Notifications.OFF:
            return
        self._entitle(title_of(session))
        needs, best = needs_of(session), news_of(session)
        current = {need.key for need in needs} | ({best.key} if best is not None else set())
        if self._known is None:
            # What waits already is on the screen that the person has just opened.
            self._known = current
            return
        fresh = [need for need in needs if need.key not in self._known]
        if best is not None and best.key not in self._known and not fresh:
            self._please(best)
        self._known = current
        if fresh:
            self._held = fresh[0]
        elif self._held is not None and self._held.key not in current:
            self._held = None  # somebody saw to it meanwhile
        self._ring()

    def _ring(self) -> None:
        now = self._clock()
        if self._held is None or (self._rang is not None and now - self._rang < BELL_SECONDS):
            return
        self._write(BELL)
        self._notify(self._held)
        self._rang, self._held = now, None

    def _please(self, news: Need) -> None:
        now = self._clock()
        if self._pleased is None or now - self._pleased >= BELL_SECONDS:
            self._notify(news)
            self._pleased = now

    def _notify(self, need: Need) -> None:
        always = self._wanted is Notifications.ON
        if sequence := notification_sequence(self._kind, need.text, always):
            self._write(sequence)

    def _entitle(self, title: str) -> None:
        if title == self._title or not self._titled:
            return
        if not self._title:
            self._write(_PUSH_TITLE)
        if title:
            self._write(title_sequence(title))
        else:
            self._write(title_sequence("") + _POP_TITLE)
        self._title = title

    def restore(self) -> None:
        """Give the title back."""
        self._entitle("")
