"""Measures how long the command takes to start: `--version`, and `status` without an engine.

The floor is a bare start of the same Python; beside it stands a start that imports the libraries
which `status` is built on. Everything is processor time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from benchmarks.figures import Figures, alternate, arguments, medians
from benchmarks.processes import COMMAND, make_workspace, private_home, processor_seconds
from engine.core.layout import Layout
from tests.tui.synthetic import events_of, made_up

EXPERIMENTS = 100
AIM = 2.5


def make_session(path: Path, experiments: int) -> Path:
    """Create a workspace with the journal of a finished session, and return the workspace.

    Args:
        path: The directory to create.
        experiments: The number of experiments in the session.
    """
    workspace = make_workspace(path, "LR = 0.1\n")
    journal = Layout(workspace, "nov20").journal
    journal.parent.mkdir(parents=True)
    events = events_of(workspace, made_up(experiments), running=False)
    journal.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
    return workspace


def main() -> int:
    """Measure the start of the command and print the figures; return 0 if they meet their aims."""
    quick = arguments(__doc__).parse_args().quick
    figures = Figures(judge=not quick)
    with private_home() as home:
        workspace = make_session(home / "w", EXPERIMENTS)
        bare, libraries, version, status = medians(
            alternate(
                1 if quick else 15,
                lambda: processor_seconds([sys.executable, "-I", "-c", "pass"]),
                lambda: processor_seconds([sys.executable, "-I", "-c", "import click, msgspec"]),
                lambda: processor_seconds([COMMAND, "--version"]),
                lambda: processor_seconds([COMMAND, "status", str(workspace)]),
            )
        )
    figures.show("bare start of Python", 1000 * bare, "ms")
    figures.show("start of Python that imports click and msgspec", 1000 * libraries, "ms")
    figures.show("autoresearch-tui --version", 1000 * version, "ms")
    figures.ratio("autoresearch-tui --version", version, bare, at_most=AIM)
    figures.show(f"autoresearch-tui status, {EXPERIMENTS} experiments", 1000 * status, "ms")
    figures.ratio("autoresearch-tui status", status, bare, at_most=AIM)
    figures.show("the same, against Python with click and msgspec", status / libraries, "times")
    return figures.exit_code


if __name__ == "__main__":
    sys.exit(main())
