"""Shows a session from memory in this terminal; a process of its own for tests of the terminal.

Arguments: a directory to read logs from, and any of `hostile` (every text is an attack),
`deaf` (signals are ignored), `idle` (nothing runs, so nothing is written).
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from engine.core.enums import Verdict
from engine.core.errors import TerminalError
from engine.core.reducer import fold
from engine.protocol.messages import ReasoningChunk, Reply
from tests.hostile import ATTACK
from tests.tui.synthetic import (
    MemoryFeed,
    Tried,
    attempt,
    beginning,
    made_up,
    numbered,
    opening,
    session_of,
)
from tui.terminal import check_this_terminal, prepare_environment


def hostile(workspace: Path) -> MemoryFeed:
    """A session in which every text that can be is an attack."""
    tried = Tried(Verdict.CRASH, 0, 0, f"bad {ATTACK}", f"bad {ATTACK}", f"bad {ATTACK}")
    patch = f"--- a/t\n+++ b/t\n@@ -1 +1 @@\n-old {ATTACK}\n+new {ATTACK}\n"
    events = [
        *opening(workspace, notes=(f"note {ATTACK}",)),
        *attempt(1, Tried(Verdict.KEEP, 0.9, 44.0, f"base {ATTACK}")),
        *attempt(2, tried, patch),
        *beginning(3, tried, patch),
    ]
    feed = MemoryFeed(fold(numbered(events)), workspace)
    feed.answer = Reply(id=0, ok=False, message=f"no {ATTACK}")
    feed.patches = {2: patch, 3: patch}
    for number in (1, 2, 3):
        log = feed.log_path(number, 1)
        assert log is not None
        log.write_bytes(f"log {ATTACK}\rmore {ATTACK}\n".encode(errors="surrogatepass") * 30)
    number = len(feed.session.experiments)
    feed.tell(ReasoningChunk(text=f"thinking {ATTACK}", start=True, experiment=number))
    return feed


def main() -> int:
    """Check the terminal, show the session, say why the screen closed."""
    workspace, *words = sys.argv[1:]
    forced = prepare_environment()
    try:
        check_this_terminal()
    except TerminalError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    from tui.app import SupervisorApp

    directory = Path(workspace)
    feed = (
        hostile(directory)
        if "hostile" in words
        else MemoryFeed(session_of(directory, made_up(20), "idle" not in words), directory)
    )
    app = SupervisorApp(feed, feed.session, forced_theme=forced)
    if "deaf" in words:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        app.catch_signals = lambda: None  # type: ignore[method-assign]
    info = app.run()
    print(f"closed: {info.reason if info else None}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
