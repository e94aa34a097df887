"""The page and the live screen of a hostile repository run nothing of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import aiohttp
import pytest

from engine.client.sessions import engine_pid
from tests.end_to_end.test_hostile_repositories import made
from tests.end_to_end.test_serve import end_server, served
from tests.git.hostile_repositories import HOSTILE as OF_GIT
from tests.journals import read_session
from tests.terminal import Window
from tests.tui.test_web_server import Seen
from tests.warm import run_warm
from tests.world import wait_for

pytestmark = pytest.mark.usefixtures("engines", "usual_signals")
SESSIONS = ("session", "session that ended", "programs", "env file", "coding agent")
"""Hostile repositories with a session, whose page shows it from the journal."""
LIVE = (
    *("fsmonitor", "include on a condition", "worktree config", "hooks", "hooks path"),
    *("external diff", "diff driver", "pager and editors", "signatures", "aliases", "alternates"),
    *("nested repository", "git file", "other commands", "replaced objects"),
)
"""Repositories in which a session can run; without filters, which run once the user confirmed."""
OFTEN = ("fsmonitor", "session that ended", "programs", "git: hooks")
"""Repositories that are tried at each run of the suite."""


def few(*names: str) -> list[object]:
    """Return parameters of which only some are tried at each run of the suite."""
    return [n if n in OFTEN else pytest.param(n, marks=pytest.mark.torture) for n in names]


async def fetch_each_page(url: str) -> str:
    """Return what a browser tab shows first, after fetching the page and all that it names."""
    seen = Seen(100, 30)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(url) as answer:
            here, page = answer.url, await answer.text()
            assert answer.status == 200
        parts = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert len(parts) > 2
        for part in filter(lambda name: not name.startswith("data:"), parts):
            async with session.get(here.join(type(here)(part))) as answer:
                assert answer.status == 200, part
        address = here.with_scheme("ws").with_path("/ws").with_query(width=100, height=30)
        origin = {"Origin": str(here.origin())}
        async with session.ws_connect(address, headers=origin, max_msg_size=0) as tab:
            await seen.wait_for(tab, "keep before", slice(-1, None))
    return "\n".join(seen.screen.display)


@pytest.mark.parametrize("name", few(*SESSIONS, *(f"git: {name}" for name in OF_GIT)))
async def test_the_page_runs_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = made(name, tmp_path)
    monkeypatch.chdir(repository.path)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    words = ["."] if name in SESSIONS else ["--replay", "results.tsv"]
    with served(*words, "--port", "0") as (process, answer):
        shown = await fetch_each_page(answer["url"])
        assert "REPLAY #" in shown
        assert "Traceback" not in end_server(process)
    assert not repository.marker.exists(), repository.marker.read_text()


@pytest.mark.parametrize("name", few(*LIVE))
def test_the_live_screen_runs_nothing(name: str, tmp_path: Path) -> None:
    repository = made(f"git: {name}", tmp_path)
    words = ("--yes", "--tag", "t", "--budget", "0.05", "--max", "500")
    done = run_warm("start", repository.path, *words)
    assert done.returncode == 0, done.stderr
    window = Window("attach", repository.path, columns=160, rows=45)
    wait_for(lambda: read_session(repository.path).counts.total > 1, "an experiment")
    window.wait_for("RUNNING #")
    for keys, shown in (
        *(("6\r", "esc back"), ("2", "knobs"), ("\x1b", "q leave"), ("i", "esc")),
        *(("\x1b", "q leave"), (" ", "PAUSED")),
    ):
        window.press(keys)
        window.wait_for(shown)
    window.press("q")
    assert window.wait_for_end()[0] == 0
    assert engine_pid(repository.path) is not None
    assert not repository.marker.exists(), repository.marker.read_text()
