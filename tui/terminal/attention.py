"""Alerts a user who is looking elsewhere: bell, window title and desktop notification.

These sequences bypass the filter of what is painted, so their text is cleaned and cut here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from engine.core.enums import SessionState
from engine.core.needs import Need, needs_of, new_best
from engine.core.session import Session
from engine.core.text import one_line
from tui.present.numbers import metric
from tui.settings import Notifications

BELL = "\a"
BELL_SECONDS = 30.0
_CHARACTERS = 120
_END = "\x1b\\"
_PUSH_TITLE, _POP_TITLE = "\x1b[22;2t", "\x1b[23;2t"


# ---- what this terminal supports -----------------------------------------------------------------


class NotificationSupport(NamedTuple):
    """Which escape sequence for desktop notifications a terminal supports, if any."""

    code: int
    """The OSC code of a notification, 9 or 777; 0 if none is known to work."""
    why: str
    """The terminal that was recognised, or why no notification is known to work."""
    inside_tmux: bool = False


def notification_kind(environ: Mapping[str, str]) -> NotificationSupport:
    """Return the kind of desktop notification that this terminal is known to show.

    OSC 9 is a message to iTerm2, WezTerm, Ghostty and kitty, OSC 777 to foot and urxvt. To other
    terminals they may mean something else, so those get none.

    Args:
        environ: The environment, whose variables identify the terminal.
    """
    program, term = environ.get("TERM_PROGRAM", ""), environ.get("TERM", "")
    if environ.get("TMUX") or term.startswith(("screen", "tmux")):
        # Neither the outer terminal nor whether tmux passes a sequence on is known here.
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
    """Return whether this terminal sets a window title, rather than print it on the screen."""
    return not environ.get("TERM", "").startswith(("linux", "dumb", "vt", "cons"))


def message_text(text: str) -> str:
    """Return a text as one line of at most 120 characters without control characters."""
    return one_line(text, _CHARACTERS)


def title_sequence(text: str) -> str:
    """Return the escape sequence (OSC 2) that sets the window's title to a text."""
    return f"\x1b]2;{message_text(text)}{_END}"


def notification_sequence(kind: NotificationSupport, text: str, always: bool = False) -> str:
    """Return the escape sequence of a desktop notification; "" where the terminal shows none.

    Args:
        kind: The kind that the terminal is known to show.
        text: The message.
        always: True to use OSC 9 on an unknown terminal as well.
    """
    message = message_text(text).replace(";", ",")
    if kind.code == 777:
        return f"\x1b]777;notify;autoresearch;{message}{_END}"
    if kind.code != 9 and not always:
        return ""
    # The name in front also keeps a text like "4;…" from being read as a progress bar.
    sequence = f"\x1b]9;autoresearch: {message}{_END}"
    return _through_tmux(sequence) if kind.inside_tmux else sequence


def _through_tmux(sequence: str) -> str:
    """Wrap an escape sequence for the terminal around tmux, where `allow-passthrough` is on."""
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + _END


# ---- what needs the user -------------------------------------------------------------------------


def title_of(session: Session) -> str:
    """Return the window's title while the user is needed, else "": `needs you · #3 · 0.98`."""
    if session.state is SessionState.ENDED or not needs_of(session):
        return ""
    number = f"#{len(session.experiments)}" if session.experiments else ""
    value = metric(session.best_metric, 4) if session.best_metric is not None else ""
    return " · ".join(filter(None, ("needs you", number, value)))


# ---- calling -------------------------------------------------------------------------------------


class Attention:
    """Alerts the user once to each need, such as a proposal to decide on, and to each new best.

    The bell rings at most once in 30 seconds.

    Args:
        write: Writes an escape sequence to the terminal.
        clock: Returns seconds of a monotonic clock.
        environ: The environment, which identifies the terminal.
        wanted: The user's setting: how to be alerted.
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
        self._last_bell: float | None = None
        self._last_news: float | None = None
        self._held: Need | None = None
        """The need to alert the user to as soon as the bell may ring again; None for none."""
        self._title = ""

    def show(self, session: Session) -> None:
        """Set the window's title, and alert the user to needs that were not in the session before.

        The first call never rings: the user has just opened the screen.
        """
        if self._wanted is Notifications.OFF:
            return
        self._set_title(title_of(session))
        needs, best = needs_of(session), new_best(session)
        current = {need.key for need in needs} | ({best.key} if best is not None else set())
        if self._known is None:
            # The user has just opened the screen and sees what waits already.
            self._known = current
            return
        fresh = [need for need in needs if need.key not in self._known]
        if best is not None and best.key not in self._known and not fresh:
            self._notify_best(best)
        self._known = current
        if fresh:
            self._held = fresh[0]
        elif self._held is not None and self._held.key not in current:
            self._held = None  # it was dealt with meanwhile
        self._ring()

    def _ring(self) -> None:
        now = self._clock()
        last = self._last_bell
        if self._held is None or (last is not None and now - last < BELL_SECONDS):
            return
        self._write(BELL)
        self._notify(self._held)
        self._last_bell, self._held = now, None

    def _notify_best(self, best: Need) -> None:
        now = self._clock()
        if self._last_news is None or now - self._last_news >= BELL_SECONDS:
            self._notify(best)
            self._last_news = now

    def _notify(self, need: Need) -> None:
        always = self._wanted is Notifications.ON
        if sequence := notification_sequence(self._kind, need.text, always):
            self._write(sequence)

    def _set_title(self, title: str) -> None:
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
        """Restore the title that the window had before the app set one."""
        self._set_title("")
