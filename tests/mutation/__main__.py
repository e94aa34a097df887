"""Mutation testing of engine/core and engine/store: `make mutate`.

Each module is changed in one place at a time, and a test of `TESTS` that runs that place must
notice. Results are kept in .mutation/, so a run that was interrupted goes on where it stopped; a
mutant that survived is tried again once a test has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import tempfile
import time
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Mutant, is_valid, mutants_of
from tests.mutation.runner import (
    ROOT,
    UnusableTests,
    Worker,
    copy_project,
    is_noticed,
    measure_coverage,
)

TESTS = (
    "tests/core",
    "tests/store",
    # Unit tests of core and store beside what uses them.
    "tests/engine/test_earlier.py",
    "tests/engine/test_replay_recording.py",
    "tests/report/test_table_diffs.py",
    "tests/tui/test_results_verb.py",
)
SOURCES = ("engine/core", "engine/store")
STORE = ROOT / ".mutation"
_HERE = Path(__file__).parent
_MOST_SECONDS, _FAR_SECONDS = 40.0, 4.0
"""The most processor time for one mutant, as measured with coverage, which takes about twice as
long."""


@dataclass(frozen=True)
class Tried:
    """What became of one mutant."""

    file: str
    mutant: Mutant
    outcome: str
    """One of `OUTCOMES`."""


OUTCOMES = ("killed", "survived", "untested", "equivalent", "undecided")
"""Untested: no test runs the place. Undecided: the tests were not run to an end, so the mutant
does not count."""


class Results:
    """The outcomes of earlier runs, one line of JSON each."""

    def __init__(self, path: Path, tests_hash: str) -> None:
        self._path = path
        self._tests_hash = tests_hash
        self._known: dict[str, str] = {}
        for line in path.read_text().splitlines() if path.exists() else ():
            entry = json.loads(line)
            if entry["outcome"] == "killed" or entry["tests"] == tests_hash:
                self._known[entry["key"]] = entry["outcome"]

    def get(self, key: str) -> str | None:
        """Return a mutant's outcome, where it still holds."""
        return self._known.get(key)

    def put(self, key: str, outcome: str) -> None:
        """Record an outcome."""
        self._known[key] = outcome
        entry = {"key": key, "outcome": outcome, "tests": self._tests_hash}
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def digest(*texts: str) -> str:
    """Return a short hash of texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:20]


def digest_of_files(project: Path, directories: Sequence[str]) -> str:
    """Return a short hash of the Python files below some directories, tests/mutation left out."""
    here = project / "tests/mutation"
    files = sorted(p for d in directories for p in (project / d).rglob("*.py") if p.parent != here)
    return digest(
        *(text for p in files for text in (str(p.relative_to(project)), p.read_text("utf-8")))
    )


def load_equivalent() -> set[tuple[str, str, str]]:
    """Return the mutants known to behave as the original: file, removed line, added line."""
    entries = tomllib.loads((_HERE / "equivalent.toml").read_text("utf-8"))["mutant"]
    return {(entry["file"], entry["removed"], entry["added"]) for entry in entries}


class Session:
    """One run over some files."""

    def __init__(self, project: Path, worker: Worker, coverage: dict[str, Any]) -> None:
        self._project = project
        self._worker = worker
        self._lines: dict[str, dict[str, list[str]]] = coverage["lines"]
        self._seconds: dict[str, float] = coverage["seconds"]
        self._results = Results(STORE / "results.jsonl", digest_of_files(project, ("tests",)))
        self._equivalent = load_equivalent()

    def tests_for(self, file: str, mutant: Mutant) -> list[str]:
        """Return the tests that run a changed place, the quickest first, up to a time limit.

        What runs while a module is imported, such as the default of a field, can be seen by any
        test: those that run the module's functions come first, then the quickest of all.
        """
        lines = self._lines.get(file, {})
        touched = range(mutant.first_line, mutant.last_line + 1)
        names = {name for line in touched for name in lines.get(str(line), ())}
        above = mutant.first_line
        while not names and above > 0:  # inside an expression of several lines
            above -= 1
            names = set(lines.get(str(above), ()))
        if "" not in names:
            return self._quickest(names, _MOST_SECONDS)
        near = {name for found in lines.values() for name in found} - {""}
        far = self._quickest(set(self._seconds) - near, _FAR_SECONDS)
        return self._quickest(near, _MOST_SECONDS) + far

    def _quickest(self, names: set[str], seconds: float) -> list[str]:
        ordered = sorted(names, key=lambda name: (self._seconds[name], name))
        total = accumulate(self._seconds[name] for name in ordered)
        return [name for name, spent in zip(ordered, total, strict=True) if spent <= seconds]

    def choose(self, files: Sequence[str], sample: float, seed: int) -> list[tuple[str, Mutant]]:
        """Return a share of the mutants in an order that any beginning of is a fair sample.

        The order is that of a hash, so a larger sample holds the smaller, and an edit moves few.
        """
        mutants = [
            (file, mutant)
            for file in files
            for mutant in mutants_of((self._project / file).read_text("utf-8"))
        ]
        mutants.sort(key=lambda found: digest(str(seed), found[0], found[1].key))
        return mutants[: math.ceil(sample * len(mutants))]

    def try_mutant(self, file: str, mutant: Mutant) -> Tried:
        """Run the tests of a changed place."""
        return Tried(file, mutant, self._try(file, mutant))

    def _try(self, file: str, mutant: Mutant) -> str:
        if (file, mutant.removed, mutant.added) in self._equivalent:
            return "equivalent"
        tests = self.tests_for(file, mutant)
        if not tests:
            return "untested"
        key = digest(file, mutant.source)
        known = self._results.get(key)
        if known is None:
            limit = 10 + 10 * sum(self._seconds[name] for name in tests)
            code = self._worker.run(file, mutant.source, tests, cpu_seconds=limit)
            if code != 0 and not is_noticed(code):
                return "undecided"
            known = "survived" if code == 0 else "killed"
            self._results.put(key, known)
        return known


def interval(killed: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share."""
    if total == 0:
        return 0.0, 1.0
    z, share = 1.96, killed / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (centre - spread) / (1 + z * z / total), (centre + spread) / (1 + z * z / total)


def report(tried: Sequence[Tried]) -> str:
    """Return the table of scores, a row for each package and module."""
    rows: dict[str, list[Tried]] = defaultdict(list)
    for one in tried:
        rows[one.file].append(one)
        rows[str(Path(one.file).parent) + "/"].append(one)
        rows["all"].append(one)
    lines = [
        f"| module | tried | {' | '.join(OUTCOMES)} | score |",
        "|---|---" + "|---" * len(OUTCOMES) + "|---|",
    ]
    for name in sorted(rows, key=lambda name: (name == "all", name)):
        counts = {kind: sum(one.outcome == kind for one in rows[name]) for kind in OUTCOMES}
        counted = len(rows[name]) - counts["equivalent"] - counts["undecided"]
        score = f"{counts['killed'] / counted:.0%}" if counted else "–"
        if name == "all":
            low, high = interval(counts["killed"], counted)
            score += f" ({low:.1%} to {high:.1%})"
        figures = " | ".join(str(count) for count in counts.values())
        lines.append(f"| {name} | {len(rows[name])} | {figures} | {score} |")
    return "\n".join(lines)


def find_files(wanted: Sequence[str]) -> list[str]:
    """Return the files to change; all of core and store where none is named."""
    found = sorted(p for d in SOURCES for p in (ROOT / d).rglob("*.py"))
    names = [str(p.relative_to(ROOT)) for p in found]
    return [n for n in names if not wanted or any(n.startswith(w) for w in wanted)]


def main() -> None:
    """Try the mutants and print the survivors and the score."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("files", nargs="*", help="files or directories; all where none is named")
    parser.add_argument("--sample", type=float, default=1.0, help="share of the mutants")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so long")
    parser.add_argument("--seed", type=int, default=1, help="which share")
    options = parser.parse_args()
    STORE.mkdir(exist_ok=True)
    tried: list[Tried] = []
    with tempfile.TemporaryDirectory(prefix="mutation-") as directory:
        project = Path(directory)
        copy_project(project)
        kept = STORE / f"coverage-{digest_of_files(project, (*SOURCES, 'tests'))}.json"
        if kept.exists():
            coverage = json.loads(kept.read_text())
        else:
            coverage = measure_coverage(project, TESTS, project / "coverage.json")
            kept.write_text(json.dumps(coverage))
        with Worker(project) as worker:
            try:
                worker.check_tests(coverage["seconds"])
            except UnusableTests as error:
                raise SystemExit(str(error)) from None
            until = time.monotonic() + 60 * options.minutes
            session = Session(project, worker, coverage)
            chosen = session.choose(find_files(options.files), options.sample, options.seed)
            for file, mutant in chosen:
                if time.monotonic() > until:
                    print(f"Stopped after {options.minutes:g} minutes.")
                    break
                if is_valid(mutant):
                    tried.append(session.try_mutant(file, mutant))
                    if tried[-1].outcome in ("survived", "untested", "undecided"):
                        where = f"{file}:{mutant.first_line}"
                        print(f"{where} {tried[-1].outcome} in {mutant.function or 'module'}")
                        print(f"  - {mutant.removed}\n  + {mutant.added}", flush=True)
        print(f"{len(tried)} of {len(chosen)} chosen mutants were tried.")
    text = report(tried)
    (STORE / "report.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
