"""Makes the pictures of the README and of docs/overview.md from the app, on a real session.

Runs the demo until a dozen experiments are done and one was kept (about four minutes on a CPU that
does nothing else), then paints the live screen at 160×45 and at 80×24, and the health of its
search, while the next one trains. With a workspace that has an engine at work, that session is
shown instead:
`python docs/make_screenshots.py WORKSPACE`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from engine.client import launch as starting
from engine.client.connection import EngineLink
from engine.client.request import send_command
from engine.core.enums import StopMode
from engine.protocol.commands import StopSession
from tui.terminal import prepare_environment

EXPERIMENTS = 12
KEPT = 2
"""The experiments kept before a picture is taken, the baseline counted."""
SHARE = 0.5
"""The share of the current run that is done on each picture, at least: 0 to 1."""


async def paint(workspace: Path, size: tuple[int, int], keys: tuple[str, ...]) -> str:
    """Return a picture of the live screen as SVG, once enough of the session is done.

    Args:
        workspace: The workspace of a running engine.
        size: Columns and rows of the screen.
        keys: The keys to press before the picture is taken.
    """
    prepare_environment()
    from tui.app import SupervisorApp

    app = SupervisorApp(EngineLink(workspace), theme="dark")
    async with app.run_test(size=size) as pilot:
        while True:
            await pilot.pause(0.2)
            progress, counts = app.view.progress, app.view.session.counts
            if progress is None or progress.share is None or app.view.devices is None:
                continue
            enough = counts.total >= EXPERIMENTS and counts.keep >= KEPT
            if enough and progress.share > SHARE:
                break
        await pilot.press(*keys)
        await pilot.pause(0.5)
        return app.export_screenshot(title="autoresearch-tui")


def main() -> None:
    """Write three pictures into docs/, from a new demo or the workspace named on the command line.

    An engine that was started for the demo is stopped.
    """
    docs = Path(__file__).parent
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        own = len(sys.argv) < 2
        workspace = Path(name) / "demo" if own else Path(sys.argv[1]).resolve()
        if own:
            os.environ["XDG_STATE_HOME"] = str(Path(name) / "state")
            from datetime import UTC, datetime

            from engine.setup.new_workspace import make_workspace
            from engine.setup.plan import StartFlags, make_plan, save_plan
            from harness.profiles import workspace_files

            make_workspace(workspace, workspace_files("cpu"))
            flags = StartFlags(settings={"tag": "demo", "budget_seconds": 15})
            save_plan(workspace, make_plan(workspace, flags, datetime.now(UTC).date()))
            starting.start_engine(workspace)
        wide = asyncio.run(paint(workspace, (160, 45), ()))
        (docs / "screen-wide.svg").write_text(wide, "utf-8")
        narrow = asyncio.run(paint(workspace, (80, 24), ("6",)))
        (docs / "screen-narrow.svg").write_text(narrow, "utf-8")
        whole = asyncio.run(paint(workspace, (130, 36), ("i", "5")))
        (docs / "screen-overview.svg").write_text(whole, "utf-8")
        if own:
            send_command(workspace, StopSession(mode=StopMode.NOW))


if __name__ == "__main__":
    main()
