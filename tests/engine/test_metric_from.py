"""A session whose metric is not in the usual lines of the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.enums import Outcome, Verdict
from tests.engine.test_ratchet import check_books, run, session_of
from tests.warm import run_warm
from tests.world import make_repository

KNOB = "ALPHA = 0.30\nv = (ALPHA - 0.5) ** 2 + 0.9\n"
WRITES = f"""import json
{KNOB}
print("val_bpb: 77")
with open("results.json", "w") as file:
    json.dump({{"val": {{"bpb": v}}}}, file)
"""


def test_the_metric_is_read_from_a_file_of_each_run(repository: Path, engines: None) -> None:
    make_repository(repository, {"train.py": WRITES, "results.json": '{"val": {"bpb": 0.1}}'})
    run(repository, "--max", "3", "--metric-from", "results.json:val.bpb", "--direction", "min")
    check_books(repository)
    session = session_of(repository)
    values = [e.measurement.metric for e in session.experiments if e.measurement]
    assert values[0] == pytest.approx(0.94)
    assert len(set(values)) == 3
    assert (repository / "results.json").read_text() == '{"val": {"bpb": 0.1}}'


def test_a_file_that_no_run_writes_is_no_result(repository: Path, engines: None) -> None:
    make_repository(
        repository, {"train.py": KNOB + "print(v)\n", "results.json": '{"val": {"bpb": 0.1}}'}
    )
    flags = ("--metric", "bpb", "--metric-from", "results.json:val.bpb", "--direction", "min")
    said = run(repository, "--max", "1", *flags, code=7)
    assert "it was there before the run, which has not written it" in said
    assert "gives the last value in results.json at val.bpb" in said
    assert "autoresearch-tui explain run.log --metric bpb" in said
    assert session_of(repository).experiment(1).runs[0].outcome is Outcome.CODE_CRASH


def test_the_best_of_a_curve_counts_by_choice(repository: Path, engines: None) -> None:
    epochs = 'for e in (3, 1, 2):\n    print(f"Epoch {e}\\n---\\nval_bpb: {v + e:.6f}")\n'
    make_repository(repository, {"train.py": KNOB + epochs})
    run(repository, "--max", "1", "--metric", "val_bpb", "--metric-pick", "best")
    first = session_of(repository).experiment(1)
    assert first.verdict is Verdict.KEEP
    assert first.measurement is not None
    assert first.measurement.metric == pytest.approx(1.94)
    assert first.doubts == ()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--metric-from", "re:no group"), "a regular expression with a group"),
        (("--metric-from", "re:((x)"), "a regular expression ("),
        (("--metric-from", "../results.json:x"), "a file inside the workspace"),
        (("--metric-pick", "median"), '"mean of last 5"'),
        (("--metric-pick", "mean of last 0"), '"mean of last 5"'),
    ],
)
def test_an_invalid_rule_is_refused_before_anything_starts(
    repository: Path, flags: tuple[str, ...], says: str
) -> None:
    done = run_warm("run", repository, "--headless", "--yes", *flags)
    assert done.returncode != 0
    assert says in done.stderr
    assert not (repository / ".autoresearch").exists()


def test_a_line_of_another_kind_after_the_result_does_not_replace_it(
    repository: Path, engines: None
) -> None:
    train = KNOB + 'print(f"val_bpb: {v:.6f}")\nif ALPHA != 0.30:\n    print("so val_bpb: 0.1")\n'
    make_repository(repository, {"train.py": train})
    run(repository, "--max", "2", "--metric", "val_bpb", "--autonomy", "auto")
    second = session_of(repository).experiment(2)
    assert second.measurement is not None
    assert second.measurement.metric > 0.9
    assert len(second.surprises) == 1
    assert "line 2 of its log gives 0.1 after the result, in another form" in second.surprises[0]
