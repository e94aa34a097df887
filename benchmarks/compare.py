"""Compares the speed of this checkout with that of another one, in turn, in one run.

    python benchmarks/compare.py OTHER_CHECKOUT

Everything is measured through the command, run by this Python with either checkout first on its
path, so that the other one may be of any version. All times are processor time but for the clock
between two experiments.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from benchmarks.bench_command import EXPERIMENTS, make_session
from benchmarks.bench_replay import MARKS, write_journal
from benchmarks.figures import Figures, alternate, arguments, medians
from benchmarks.paused_session import TRAIN, EngineProcess, PausedSession
from benchmarks.processes import (
    ROOT,
    first_frame,
    make_workspace,
    private_home,
    processor_seconds,
)

_MAIN = "from tui.cli import main; main()"
_COMMAND = "sh -c 'grep --quiet DEPTH train.py && exec sleep 600'"
"""Lasts long, and fails at once where the edited file is not what it is."""


def command_of(checkout: Path) -> list[str]:
    """Return the words that run `autoresearch-tui` from a checkout, with this Python."""
    return ["/usr/bin/env", f"PYTHONPATH={checkout}", sys.executable, "-P", "-c", _MAIN]


def show(figures: Figures, name: str, unit: str, other: float, this: float) -> None:
    """Print a figure of each checkout, and the ratio of this one's to the other's.

    Args:
        figures: Prints the figures.
        name: What was measured.
        unit: The unit of the values.
        other: The other checkout's value.
        this: This checkout's value.
    """
    figures.show(f"{name}, other checkout", other, unit)
    figures.show(f"{name}, this checkout", this, unit)
    figures.show(f"{name}, against the other checkout", this / other, "times")


def compare_starts(figures: Figures, home: Path, other: Path, rounds: int) -> None:
    """Compare the start of short verbs, and the first frame of a replay.

    Args:
        figures: Prints the figures.
        home: An empty directory for the sessions.
        other: The other checkout.
        rounds: The number of times each is measured.
    """
    workspace = make_session(home / "w", EXPERIMENTS)
    for words in (["--version"], ["status", str(workspace)]):
        before, after = medians(
            alternate(
                rounds,
                lambda words=words: processor_seconds([*command_of(other), *words]),  # type: ignore[misc]
                lambda words=words: processor_seconds([*command_of(ROOT), *words]),  # type: ignore[misc]
            )
        )
        show(figures, f"autoresearch-tui {words[0]}", "ms", 1000 * before, 1000 * after)
    journal = write_journal(home, 1_000)
    before, after = medians(
        alternate(
            rounds,
            lambda: first_frame([*command_of(other), "replay", str(journal)], MARKS)[1],
            lambda: first_frame([*command_of(ROOT), "replay", str(journal)], MARKS)[1],
        )
    )
    show(figures, "first frame of a replay, 1,000 experiments", "s", before, after)


def compare_screens(figures: Figures, home: Path, other: Path, rounds: int) -> None:
    """Compare the first frame of the screen, attached to a live engine of the same checkout.

    Args:
        figures: Prints the figures.
        home: The directory to create the workspaces in.
        other: The other checkout.
        rounds: The number of times each is measured.
    """
    options = ("--tag", "live", "--budget", "600", "--command", _COMMAND)
    engines, frames = list[EngineProcess](), list[list[str]]()
    for name, checkout in (("other", other), ("this", ROOT)):
        workspace, command = make_workspace(home / name, TRAIN), command_of(checkout)
        engines.append(EngineProcess(workspace, *options, command=command))
        frames.append([*command, "attach", str(workspace)])
    marks = (b"baseline", b"leave")
    before, after = medians(
        alternate(
            rounds,
            lambda: first_frame(frames[0], marks)[1],
            lambda: first_frame(frames[1], marks)[1],
        )
    )
    for engine in engines:
        engine.stop()
    show(figures, "first frame of the screen", "s", before, after)


def compare_engines(figures: Figures, home: Path, other: Path, rounds: int, many: int) -> None:
    """Compare the engines' own work per experiment.

    Args:
        figures: Prints the figures.
        home: The directory to create the workspaces in.
        other: The other checkout.
        rounds: The number of times each is measured.
        many: The number of experiments in each round.
    """
    sessions = [
        PausedSession(make_workspace(home / name, TRAIN), command_of(checkout))
        for name, checkout in (("before", other), ("after", ROOT))
    ]
    samples = alternate(rounds, lambda: sessions[0].run(many), lambda: sessions[1].run(many))
    for session in sessions:
        session.engine.stop()
    used = [1000 * statistics.median(seconds for _, seconds in each) for each in samples]
    clock = [1000 * statistics.median(g for gaps, _ in each for g in gaps) for each in samples]
    show(figures, "engine's own work per experiment", "ms", used[0], used[1])
    show(figures, "the same by the clock", "ms", clock[0], clock[1])


def main() -> int:
    """Compare the checkouts and print the figures, which have no aims; return 0."""
    parser = arguments(__doc__)
    parser.add_argument("checkout", type=Path, help="the other checkout, such as a git worktree")
    options = parser.parse_args()
    other, rounds, many = options.checkout.resolve(), 9, 8
    if options.quick:
        rounds, many = 1, 2
    figures = Figures(judge=False)
    with private_home() as home:
        compare_starts(figures, home, other, rounds)
        compare_screens(figures, home, other, rounds)
        compare_engines(figures, home, other, rounds, many)
    return figures.exit_code


if __name__ == "__main__":
    sys.exit(main())
