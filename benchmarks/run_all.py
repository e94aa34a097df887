"""Runs every benchmark of this directory, one after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run every benchmark, each with the options given; return 0 if each met its aims, else 1."""
    failed: list[str] = []
    here = Path(__file__).parent
    for path in sorted((*here.glob("bench_*.py"), *here.glob("simulate_*.py"))):
        print(f"== {path.name}", flush=True)
        if subprocess.run([sys.executable, str(path), *sys.argv[1:]], check=False).returncode:
            failed.append(path.name)
    if failed:
        print(f"Failed, or missed an aim: {', '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
