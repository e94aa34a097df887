"""How long the slot stands idle between runs while a model thinks, and what lookahead gains.

Everything is real but the model: a loopback server whose answers take a third of a run, as 20 s do
of 60 s. `--full` takes those very times and about 25 minutes; without it both are a twentieth. Then
the engine's memory over 200 proposals, and how soon a proposal that is being made is given up.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

from engine.client import connection as client
from engine.core import events as ev
from engine.core.enums import StopMode
from engine.protocol import commands
from engine.store.artifacts import Layout
from engine.store.journal import read_journal
from tests.model_server import Answer, ModelServer, Request

COMMAND = str(Path(sys.executable).parent / "autoresearch-tui")
ANSWER_SECONDS, RUN_SECONDS = 20.0, 60.0
PIECES = 40
PROPOSALS = 200
T = TypeVar("T")

TRAIN = (
    "".join(f"KNOB_{n} = {n + 1}.0  # the {n}th\n" for n in range(30))
    + """
import os, random, time
time.sleep(float(os.environ["AUTORESEARCH_TIME_BUDGET"]))
values = repr([value for name, value in sorted(globals().items()) if name.startswith("KNOB_")])
print(f"val_bpb: {random.Random(values).random():.6f}")
"""
)


def repository(path: Path) -> Path:
    path.mkdir()
    (path / "train.py").write_text(TRAIN)
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "start"]):
        subprocess.run(["git", "-C", str(path), *words], check=True)
    return path


class Thinker:
    """Answers in so many seconds with another knob each time."""

    def __init__(self, seconds: float) -> None:
        self._gap = seconds / PIECES
        self._turn = itertools.count(1)
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Answer:
        with self._lock:
            turn = next(self._turn)
        (line,) = re.findall(rf"^KNOB_{turn * 7 % 30} = .*$", request.prompt, re.M)[:1]
        name = line.split(" = ")[0]
        text = (
            f"HYPOTHESIS: {name} of {turn}.5 lowers the loss.\nCATEGORY: optimizer\n"
            f"RATIONALE: not tried.\nEXPECTED: a gain\n\n<<<<<<< SEARCH\n{line}\n=======\n"
            f"{name} = {turn}.5\n>>>>>>> REPLACE\n"
        )
        return Answer(text=text, piece=-(-len(text) // PIECES), gap_seconds=self._gap)


def session(path: Path, server: ModelServer, verb: str, *flags: str) -> None:
    words = [COMMAND, verb, str(path), "--yes", "--tag", "b", "--model", "openai/loopback"]
    words += ["--api-base", server.openai, *flags]
    environment = {**os.environ, "OPENAI_API_KEY": "none"}
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=environment)


def slot(path: Path, answer: float, run: float, experiments: int, lookahead: int) -> list[float]:
    """Seconds the slot stood idle before each run, then experiments per hour at the end."""
    with ModelServer([Thinker(answer)]) as server:
        session(
            repository(path),
            server,
            "run",
            *("--headless", "--budget", str(run), "--max", str(experiments)),
            *("--lookahead", str(lookahead)),
        )
    events = list(read_journal(Layout(path, "b").journal))
    started = [e.at.timestamp() for e in events if isinstance(e, ev.RunStarted)]
    ended = [e.at.timestamp() for e in events if isinstance(e, ev.RunEnded)]
    # The import of LiteLLM, seconds long, falls into the first run or into the first gap.
    idle = [start - end for start, end in zip(started[2:], ended[1:-1], strict=True)]
    kept = sum(isinstance(e, ev.FrontierAdvanced) for e in events) - 1
    per_hour = 3600 * (len(ended) - 2) / (ended[-1] - ended[1])
    print(
        f"  lookahead {lookahead}: idle between runs, median {statistics.median(idle):.3f} s, "
        f"longest {max(idle):.3f} s; {per_hour:.0f} experiments an hour ({kept} of "
        f"{len(ended) - 1} kept)",
        flush=True,
    )
    return [*idle, per_hour]


def wait(question: Callable[[], T], seconds: float = 60) -> T:
    end = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.002)
    return answer


def memory(path: Path) -> None:
    """Resident MB of the engine as proposals go by."""
    with ModelServer([Thinker(0.0)]) as server:
        flags = ("--budget", "0.001", "--max", str(PROPOSALS + 1))
        session(repository(path), server, "start", *flags)
        pid = client.engine_pid(path)
        assert pid is not None
        process, sizes = psutil.Process(pid), list[tuple[int, float]]()
        for count in (25, 50, 100, 150, PROPOSALS):
            wait(lambda count=count: len(server.requests) >= count, 300)  # type: ignore[misc]
            sizes.append((count, process.memory_info().rss / 2**20))
        wait(lambda: client.engine_pid(path) is None)
    print("engine: " + ", ".join(f"{mb:.0f} MB after {n}" for n, mb in sizes) + " proposals")


def cancelling(path: Path) -> None:
    """Seconds from a pause to the end of the call, and from going on to the next one."""
    with ModelServer([Answer(text="Well, let me see what there is.", hang_after=1)]) as server:
        session(repository(path), server, "start", "--budget", "0.1", "--lookahead", "0")
        took = []
        for count in range(1, 6):
            wait(lambda count=count: len(server.requests) == count)  # type: ignore[misc]
            server.disconnected.clear()
            begin = time.perf_counter()
            client.send_command(path, commands.PauseLoop())
            wait(server.disconnected.is_set)
            client.send_command(path, commands.ResumeLoop())
            wait(lambda count=count: len(server.requests) == count + 1)  # type: ignore[misc]
            took.append(time.perf_counter() - begin)
        client.send_command(path, commands.StopSession(mode=StopMode.NOW))
        wait(lambda: client.engine_pid(path) is None)
    print(f"from giving a proposal up to the next call: at most {max(took):.2f} s of {len(took)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="60 s runs, not 3 s")
    full = parser.parse_args().full
    scale, experiments = (1.0, 9) if full else (0.05, 16)
    answer, run = ANSWER_SECONDS * scale, RUN_SECONDS * scale
    print(f"answers of {answer:g} s, runs of {run:g} s")
    with tempfile.TemporaryDirectory() as directory:
        top = Path(directory)
        off = slot(top / "off", answer, run, experiments, 0)
        on = slot(top / "on", answer, run, experiments, 1)
        print(f"  {on[-1] / off[-1]:.2f} times the experiments")
        memory(top / "memory")
        cancelling(top / "cancel")


if __name__ == "__main__":
    main()
