"""Measures how long a slot is idle between runs while a model thinks, and lookahead's gain.

Everything is real but the model: a loopback server whose answers take a third of a run, as 20 s do
of 60 s. `--full` takes those very times and about 25 minutes; without it both are a twentieth. Then
the engine's memory over 200 proposals, and how soon the engine abandons a call that is cancelled.
The floor is the same session without lookahead.
"""

from __future__ import annotations

import itertools
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from benchmarks.figures import Figures, arguments
from benchmarks.processes import COMMAND, make_workspace, private_home, wait_until
from engine.client.request import send_command
from engine.client.sessions import engine_pid
from engine.core import events as ev
from engine.core.enums import StopMode
from engine.core.layout import Layout
from engine.protocol import commands
from engine.store.journal import read_journal
from tests.model_server import Answer, Behaviour, ModelServer, Request
from tests.warm import run_warm

ANSWER_SECONDS, RUN_SECONDS = 20.0, 60.0
PIECES = 40
"""The number of deltas in which an answer is streamed."""

TRAIN = (
    "".join(f"KNOB_{n} = {n + 1}.0  # the {n}th\n" for n in range(30))
    + """
import os, random, time
time.sleep(float(os.environ["AUTORESEARCH_TIME_BUDGET"]))
values = repr([value for name, value in sorted(globals().items()) if name.startswith("KNOB_")])
print(f"val_bpb: {random.Random(values).random():.6f}")
"""
)


class Thinker:
    """Plays a model that takes some seconds for each answer and changes another knob each time.

    Args:
        seconds: The time that an answer takes.
    """

    def __init__(self, seconds: float) -> None:
        self._gap = seconds / PIECES
        self._turn = itertools.count(1)
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Answer:
        with self._lock:
            turn = next(self._turn)
        line = re.search(rf"^KNOB_{turn * 7 % 30} = .*$", request.prompt, re.M)
        if line is None:
            # The report at the end of a session asks for advice and shows no file.
            return Answer(text="1. Repeat the best experiment to learn how large the noise is.\n")
        name = line[0].split(" = ")[0]
        text = (
            f"HYPOTHESIS: {name} of {turn}.5 lowers the loss.\nCATEGORY: optimizer\n"
            f"RATIONALE: not tried.\nEXPECTED: a gain\n\n<<<<<<< SEARCH\n{line[0]}\n=======\n"
            f"{name} = {turn}.5\n>>>>>>> REPLACE\n"
        )
        return Answer(text=text, piece=-(-len(text) // PIECES), gap_seconds=self._gap)


def start_session(
    workspace: Path, server: ModelServer, verb: str, *options: str, warm: bool = False
) -> None:
    """Run `autoresearch-tui run` or `start` with the loopback model, until the command returns.

    Args:
        workspace: The git repository to work in.
        server: The loopback server that plays the model.
        verb: `run` for a session to its end, `start` for an engine in the background.
        options: Further options of the command.
        warm: Whether to fork the processes from one that has imported LiteLLM already.
    """
    words = [verb, str(workspace), "--yes", "--tag", "b", "--rule", "greedy"]
    words += ["--model", "openai/loopback"]
    words += ["--api-base", server.openai, *options]
    environment = {**os.environ, "OPENAI_API_KEY": "none"}
    if warm:
        run_warm(*words, env=environment).check_returncode()
    else:
        subprocess.run([COMMAND, *words], check=True, stdout=subprocess.DEVNULL, env=environment)


def run_session(
    path: Path, answer: float, run: float, experiments: int, lookahead: int, *, warm: bool
) -> tuple[float, float]:
    """Run a session to its end, and measure it from its journal.

    Args:
        path: The workspace to create.
        answer: Seconds of an answer of the model.
        run: Seconds of a run.
        experiments: The number of experiments in the session.
        lookahead: The number of proposals that are drafted ahead.
        warm: Whether to fork the processes from one that has imported LiteLLM already.

    Returns:
        Median seconds the slot was idle between runs, and experiments per hour.
    """
    with ModelServer([Thinker(answer)]) as server:
        workspace = make_workspace(path, TRAIN)
        options = ["--headless", "--budget", str(run), "--max", str(experiments)]
        options += ["--lookahead", str(lookahead)]
        start_session(workspace, server, "run", *options, warm=warm)
    events = list(read_journal(Layout(path, "b").journal))
    started = [e.at.timestamp() for e in events if isinstance(e, ev.RunStarted)]
    ended = [e.at.timestamp() for e in events if isinstance(e, ev.RunEnded)]
    # The import of LiteLLM, seconds long, falls into the first run or into the first gap.
    idle = [start - end for start, end in zip(started[2:], ended[1:-1], strict=True)]
    return statistics.median(idle), 3600 * (len(ended) - 2) / (ended[-1] - ended[1])


def lookahead_gain(
    figures: Figures, home: Path, answer: float, run: float, experiments: int, *, warm: bool
) -> None:
    """Run a session without lookahead, then the same with it, and show the idle time and the gain.

    Args:
        figures: Prints the figures and judges them by their aims.
        home: The directory to create the two workspaces in.
        answer: Seconds of an answer of the model.
        run: Seconds of a run.
        experiments: The number of experiments in each session.
        warm: Whether to fork the processes from one that has imported LiteLLM already.
    """
    print(f"answers of {answer:g} s, runs of {run:g} s", flush=True)
    without, fewer = run_session(home / "off", answer, run, experiments, 0, warm=warm)
    figures.show("idle between runs without lookahead, median", without, "s")
    idle, more = run_session(home / "on", answer, run, experiments, 1, warm=warm)
    figures.show("idle between runs with lookahead, median", idle, "s")
    figures.ratio("idle between runs with lookahead", idle, without, at_most=0.2)
    figures.show("experiments per hour", more, "with lookahead")
    figures.show("experiments per hour", fewer, "without")
    figures.show("gain of lookahead", more / fewer, "times", at_least=1.3)


def memory_and_cancelling(
    figures: Figures, path: Path, counts: tuple[int, ...], cancelled: int, *, warm: bool
) -> None:
    """Measure the engine's memory as proposals go by, then how soon it abandons calls.

    Args:
        figures: Prints the figures and judges them by their aims.
        path: The workspace to create.
        counts: The numbers of proposals after which to measure the memory.
        cancelled: The number of calls that are cancelled afterwards.
        warm: Whether to fork the processes from one that has imported LiteLLM already.
    """
    hanging = Answer(text="Let me see what was tried.", hang_after=1)
    script: list[Behaviour] = [*[Thinker(0.0)] * counts[-1], hanging]
    with ModelServer(script) as server:
        options = ("--budget", "0.001", "--max", "100000")
        start_session(make_workspace(path, TRAIN), server, "start", *options, warm=warm)
        pid = engine_pid(path)
        assert pid is not None
        process, sizes = psutil.Process(pid), list[float]()
        for count in counts:
            wait_until(lambda count=count: len(server.requests) >= count, 600)  # type: ignore[misc]
            sizes.append(process.memory_info().rss / 1e6)
            figures.show(f"engine's memory after {count} proposals", sizes[-1], "MB")
        name = f"engine's memory after {counts[-1]} proposals"
        figures.show(f"{name}, against {counts[0]}", sizes[-1] / sizes[0], "times", at_most=1.1)
        cancel_calls(figures, path, server, cancelled)


def cancel_calls(figures: Figures, path: Path, server: ModelServer, count: int) -> None:
    """Measure the time from a pause during an answer to the end of that call; stop the engine.

    The floor is the time from resuming to the next call.

    Args:
        figures: Prints the figures and judges them by their aims.
        path: The workspace of the engine.
        server: The loopback server, whose answers do not end by themselves.
        count: The number of calls to cancel.
    """
    abandoned, called = list[float](), list[float]()
    for _ in range(count):
        wait_until(server.hanging.is_set)
        server.hanging.clear()
        server.disconnected.clear()
        begin = time.perf_counter()
        send_command(path, commands.PauseLoop())
        wait_until(server.disconnected.is_set)
        abandoned.append(time.perf_counter() - begin)
        begin, requests = time.perf_counter(), len(server.requests)
        send_command(path, commands.ResumeLoop())
        wait_until(lambda requests=requests: len(server.requests) > requests)  # type: ignore[misc]
        called.append(time.perf_counter() - begin)
    send_command(path, commands.StopSession(mode=StopMode.NOW))
    wait_until(lambda: engine_pid(path) is None)
    name = "from a pause during an answer to the end of the call, median"
    figures.show(name, 1000 * statistics.median(abandoned), "ms")
    figures.show("from resuming to the next call", 1000 * statistics.median(called), "ms")
    figures.ratio(name, statistics.median(abandoned), statistics.median(called), at_most=2)


def main() -> int:
    """Measure lookahead and print the figures; return 0 if they meet their aims, else 1."""
    parser = arguments(__doc__)
    parser.add_argument("--full", action="store_true", help="runs of 60 s instead of 3 s")
    options = parser.parse_args()
    scale, experiments = (1.0, 9) if options.full else (0.05, 16)
    figures = Figures(judge=not options.quick)
    with private_home() as home:
        if options.quick:
            lookahead_gain(figures, home, 0.1, 0.3, 4, warm=True)
            memory_and_cancelling(figures, home / "memory", (2, 4), 1, warm=True)
        else:
            answer, run = ANSWER_SECONDS * scale, RUN_SECONDS * scale
            lookahead_gain(figures, home, answer, run, experiments, warm=False)
            memory_and_cancelling(figures, home / "memory", (25, 50, 100, 150, 200), 5, warm=False)
    return figures.exit_code


if __name__ == "__main__":
    sys.exit(main())
