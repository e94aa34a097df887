"""Run the test suite several times in a row while other processes keep the machine busy.

    python tests/run_loaded.py [--loops 6] [--times 3] [arguments of pytest]

It stops at the first run that fails, and returns pytest's exit code.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# A loop ends with its parent, so that none is left behind even after `kill -9`.
_LOOP = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    pass\n"


@contextmanager
def busy_machine(loops: int) -> Iterator[None]:
    """Keep `loops` processor cores busy during a block."""
    command = [sys.executable, "-c", _LOOP, str(os.getpid())]
    started: list[subprocess.Popen[bytes]] = []
    try:
        started += (subprocess.Popen(command) for _ in range(loops))
        yield
    finally:
        for loop in started:
            loop.kill()
        for loop in started:
            loop.wait()


def main() -> int:
    """Return 0 if every run passed, else the exit code of the first that failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--loops", type=int, default=6, help="busy processes (default: 6)")
    parser.add_argument("--times", type=int, default=3, help="runs in a row (default: 3)")
    options, arguments = parser.parse_known_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    pytest = [sys.executable, "-m", "pytest", *arguments]
    with busy_machine(options.loops):
        for number in range(1, options.times + 1):
            print(f"run {number} of {options.times}", flush=True)
            if code := subprocess.call(pytest):
                return code
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
