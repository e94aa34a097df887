"""Run the test suite, show the branch coverage of each package, and fail where it has fallen.

    python tests/run_coverage.py [arguments of pytest]

A floor in `coverage_floors.toml` is a percentage of lines and branches taken together. Without
the whole suite, with arguments that name tests, the floors are shown and not applied.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE.parent / ".coverage-data"
COVERAGE = [sys.executable, "-m", "coverage"]
CONFIG = f"--rcfile={HERE / 'coverage.toml'}"


def main() -> int:
    """Return pytest's exit code, or 1 if a package is below its floor."""
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir()
    arguments = sys.argv[1:]
    tests = subprocess.call([*COVERAGE, "run", CONFIG, "-m", "pytest", *arguments])
    report = DATA / "report.json"
    subprocess.run([*COVERAGE, "combine", CONFIG, "-q"], check=True)
    subprocess.run([*COVERAGE, "json", CONFIG, "-q", "-o", str(report)], check=True)
    floors = tomllib.loads((HERE / "coverage_floors.toml").read_text("utf-8"))
    fallen = show(percentages(json.loads(report.read_text("utf-8"))["files"]), floors)
    whole = not any(Path(word.partition("::")[0]).exists() for word in arguments)
    return tests or (1 if fallen and whole else 0)


def percentages(files: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """Return the share of lines and branches that ran, in percent, by package."""
    covered: dict[str, float] = defaultdict(float)
    total: dict[str, float] = defaultdict(float)
    for name, file in files.items():
        summary = file["summary"]
        package = ".".join(Path(name).parent.parts[:2])
        if not package.startswith(("engine", "tui")):
            continue
        covered[package] += summary["covered_lines"] + summary["covered_branches"]
        total[package] += summary["num_statements"] + summary["num_branches"]
    return {name: 100 * covered[name] / total[name] for name in sorted(total) if total[name]}


def show(measured: dict[str, float], floors: dict[str, float]) -> list[str]:
    """Print a row for each package, and return those below their floor or without one."""
    fallen = []
    for name, value in measured.items():
        floor = floors.get(name)
        low = floor is None or value < floor
        if low:
            fallen.append(name)
        limit = "no floor" if floor is None else f"at least {floor:g}"
        print(f"{name:<20} {value:6.1f} %  ({limit}{', FALLEN' if low else ''})")
    return fallen


if __name__ == "__main__":
    sys.exit(main())
