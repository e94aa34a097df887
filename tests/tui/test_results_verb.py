"""`autoresearch-tui results` of a file: what is printed, exported and refused."""

from __future__ import annotations

import csv
import importlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

import engine.store.table_files
from engine.core import events as ev
from engine.core.analysis.takeover import history_of
from engine.core.enums import Actor, Verdict
from engine.core.errors import AutoresearchError, UsageError, WorkspaceError
from engine.core.table import read_table
from tests.report.nights import Night
from tests.world import run_command
from tui.commands.table_lines import bad_row_line, table_lines
from tui.commands.verbs import cli

TABLE = """\
commit\tval_bpb\tmemory_gb\tstatus\tcategory\tdescription
a1b2c3d\t0.997900\t44.0\tkeep\tother\tbaseline
b1b2c3d\t0.986041\t43.9\tkept\tbatch\thalve batch
c1b2c3d\t0.990000\t60.2\treverted\tschedule\tadd warmup
d1b2c3d\t0.000000\t0.0\tOOM\tbatch\tbatch 131K
2026-03-26 13:10:21\t1\t2\t3\t4\t5\t6\t7\t8
e1b2c3d\t0.980000\t44.0\tskip\tbatch\tnot run
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "any.tsv"
    path.write_text(TABLE)
    return path


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["results", *map(str, words)])


def shown(*words: str | Path) -> str:
    done = invoke(*map(str, words))
    assert done.exception is None, done.exception
    return done.stdout


def facts(*words: str | Path) -> dict[str, Any]:
    found = json.loads(shown(*words, "--json"))
    assert isinstance(found, dict)
    return found


def refused(kind: type[AutoresearchError], *words: str | Path) -> str:
    error = invoke(*words).exception
    assert isinstance(error, kind), repr(error)
    return str(error)


def test_the_table_as_lines(table: Path) -> None:
    lines = shown(table).splitlines()
    assert " ".join(lines[0].split()) == "#1 ✓ keep 0.997900 44.0 GB other a1b2c3d baseline"
    assert "keep (kept)" in lines[1]
    assert "discard (reverted)" in lines[2]
    assert "crash (OOM)" in lines[3] and "—" in lines[3] and "0.000000" not in lines[3]
    assert lines[4].startswith("! line 6: 9 fields, the table has 6 columns")
    assert "○ skip" in lines[5]
    assert lines[6] == "5 rows: 2 kept, 1 discarded, 1 crashed, 1 other; 1 bad line."
    assert lines[7].startswith("Best val_bpb 0.980000 (row 5, commit e1b2c3d), −0.0179 against")
    assert "lower is better (by its name)" in lines[8]
    places = {line.index(c) for line, c in zip(lines[:4], "abcd", strict=True) for c in [f"{c}1b2"]}
    assert len(places) == 1


TABLES = Path(__file__).parents[1] / "tables"


@pytest.mark.parametrize(
    ("name", "values", "best"),
    [
        ("large-neighbours.tsv", ("3943210", "3943185", "3943190"), "Best total_cost 3943185 "),
        (
            "close-neighbours.tsv",
            ("0.99679285287857", "0.99679285112345", "0.99679285198765"),
            "Best val_loss 0.9967928511 ",
        ),
    ],
)
def test_values_are_shown_with_digits_that_tell_them_apart(
    name: str, values: tuple[str, ...], best: str
) -> None:
    lines = shown(TABLES / name).splitlines()
    assert tuple(line.split()[3] for line in lines[:3]) == values
    assert lines[4].startswith(best)


def test_the_choice_of_the_metric_is_explained_and_can_be_changed() -> None:
    table = TABLES / "verdicts-follow-another-column.tsv"
    last = shown(table).splitlines()[-1]
    assert "metric core_index (the verdicts follow it: 5 of 5 keeps improved it, 6 of 6" in last
    assert last.endswith("Change it with --metric and --direction.")
    assert "metric precision (as asked)" in shown(table, "--metric", "precision")


def test_without_a_direction_no_best_is_named() -> None:
    table = TABLES / "direction-unknown.tsv"
    assert "Which way clippy improves is unknown, so no best is named" in shown(table)
    assert facts(table)["direction"] is None
    assert facts(table)["best"] is None
    assert "--direction min" in refused(UsageError, table, "--top", "1")
    assert "Best clippy 164" in shown(table, "--direction", "max")


def test_a_zero_that_is_no_value_never_heads_a_ranking() -> None:
    lines = shown(TABLES / "zeros-of-discards.tsv", "--top", "9").splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["#4", "#5", "#1"]
    assert len(lines) == 6
    assert "the 0 of 1 row is not taken for a value" in lines[-1]


def test_the_table_as_json(table: Path) -> None:
    found = facts(table)
    assert (found["metric"], found["direction"]) == ("val_bpb", "min")
    assert found["counts"] == {"keep": 2, "discard": 1, "crash": 1, "other": 1, "total": 5}
    assert (found["best"], found["best_row"]) == (0.98, 5)
    assert (found["baseline"], found["baseline_row"]) == (0.9979, 1)
    assert [b["line"] for b in found["bad_rows"]] == [6]
    assert found["keep_rate"] == 0.5
    assert found["plateau"] == 0
    assert set(found["trend"]) == {
        *("before", "recent", "gain", "improving", "keeps_before", "keeps_recent")
    }
    assert [r["metric"] for r in found["rows"]] == [0.9979, 0.986041, 0.99, None, 0.98]
    assert found["rows"][3]["status"] == "OOM"


def test_flags_select_rows_and_do_not_change_the_statistics(table: Path) -> None:
    def numbers(*flags: str) -> list[int]:
        found = facts(table, *flags)
        assert found["counts"]["total"] == 5
        return [row["experiment"] for row in found["rows"]]

    assert numbers("--top", "2") == [5, 2]
    assert numbers("--kept") == [1, 2]
    assert numbers("--kept", "--top", "1") == [2]
    assert numbers("--category", "Batch") == [2, 4, 5]
    assert numbers("--direction", "max", "--top", "1") == [1]
    assert "There are: batch, other, schedule." in refused(UsageError, table, "--category", "x")
    assert "! line" not in shown(table, "--kept")


def test_another_metric_column(table: Path) -> None:
    found = facts(table, "--metric", "memory_gb", "--direction", "max")
    assert (found["metric"], found["best"], found["direction"]) == ("memory_gb", 44.0, "max")
    text = refused(UsageError, table, "--metric", "f1")
    assert "has no column 'f1'" in text and "val_bpb" in text


def test_lines_fit_and_hostile_text_is_text(tmp_path: Path) -> None:
    path = tmp_path / "hostile.tsv"
    evil = "\x1b]0;owned\x07\x1b[2J 宽宽宽宽宽宽宽宽 \u202e [@click=app.quit]x[/foo] "
    evil += "long " * 99
    path.write_text(
        f"commit\tsc\x1b[31more\tstatus\tdescription\na\x1b[1m1\t0.5\tke\x9bep\t{evil}\n"
        f"b1b2c3d\t0.6\tkeep\t{evil}\nbad\t1\t2\t3\t4\t{evil}\n\n{evil}\n"
    )
    text = shown(path)
    assert not set(text) & set("\x1b\x9b\x07\u202e")
    assert all(cell_len(line) <= 240 for line in text.splitlines()[:-1])


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_fit_the_terminal(width: int) -> None:
    known = read_table(TABLE.replace("halve batch", "宽" * 200).encode())
    for line in table_lines(known.rows, width):
        assert cell_len(line) <= width
    assert all(cell_len(bad_row_line(b, width)) <= width for b in known.bad)


@pytest.mark.parametrize("name", ["out.tsv", "out.csv", "out.json", "out.PARQUET"])
def test_export(table: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    text = shown(table, "--export", target)
    assert text.startswith("Wrote 5 rows")
    assert ("without the 1 that could not be read" in text) is (name != "out.json")
    match target.suffix:
        case ".tsv":
            lines = target.read_text().splitlines()
            assert lines[0] == (
                "commit\tval_bpb\tmemory_gb\tstatus\tdescription\tcategory\toriginal_status"
            )
            assert lines[2] == "b1b2c3d\t0.986041\t43.9\tkeep\thalve batch\tbatch\tkept"
            assert lines[4] == "d1b2c3d\t0.000000\t0.0\tcrash\tbatch 131K\tbatch\tOOM"
            assert read_table(target.read_bytes()).bad == ()
        case ".csv":
            with open(target, newline="") as file:
                rows = list(csv.DictReader(file))
            assert [r["status"] for r in rows] == ["keep", "keep", "discard", "crash", "other"]
        case ".json":
            assert len(json.loads(target.read_text())["bad_rows"]) == 1
        case _:
            parquet = pytest.importorskip("pyarrow.parquet")
            columns = parquet.read_table(target).to_pydict()
            assert columns["val_bpb"] == [0.9979, 0.986041, 0.99, None, 0.98]
            assert columns["original_status"][3] == "OOM"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_an_export_never_replaces_anything_unasked(table: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.tsv"
    target.write_text("mine")
    assert "--force" in refused(UsageError, table, "--export", target)
    assert target.read_text() == "mine"
    shown(table, "--export", target, "--force", "--kept")
    assert len(target.read_text().splitlines()) == 3
    assert "is the table itself" in refused(UsageError, table, "--export", table, "--force")
    assert table.read_text() == TABLE
    (tmp_path / "dir.csv").mkdir()
    assert "directory" in refused(UsageError, table, "--export", tmp_path / "dir.csv", "--force")
    assert ".parquet" in refused(UsageError, table, "--export", tmp_path / "out.xls")
    nowhere = tmp_path / "nowhere" / "out.csv"
    assert "There is no directory" in refused(UsageError, table, "--export", nowhere)
    dangling = tmp_path / "link.csv"
    dangling.symlink_to(tmp_path / "gone")
    assert "--force" in refused(UsageError, table, "--export", dangling)


def test_parquet_without_pyarrow(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.import_module

    def missing(name: str, package: str | None = None) -> object:
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)
    text = refused(UsageError, table, "--export", tmp_path / "out.parquet")
    assert 'pip install "autoresearch-tui[data]"' in text
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "it is binary"),
        (b"Dear diary,\nnothing happened.\n", "no columns"),
        (b"import os\n\n\ndef f(a, b):\n    return a + b\n", "is not a results table"),
    ],
)
def test_files_that_are_not_tables(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "x.tsv"
    path.write_bytes(content)
    text = refused(UsageError, path)
    assert says in text and "results.tsv" in text


def test_places_without_a_table(tmp_path: Path) -> None:
    assert "There is no file or directory" in refused(WorkspaceError, tmp_path / "gone.tsv")
    assert "There is no session" in refused(WorkspaceError, tmp_path)
    (tmp_path / "results.tsv").write_text(TABLE)
    hint = f"autoresearch-tui results {tmp_path}/results.tsv"
    assert hint in refused(WorkspaceError, tmp_path)
    assert "device" in refused(WorkspaceError, "/dev/zero")
    if os.getuid() != 0:
        locked = tmp_path / "locked.tsv"
        locked.write_text(TABLE)
        locked.chmod(0)
        assert "cannot be read" in refused(WorkspaceError, locked)


def test_flags_that_do_not_belong_together(table: Path, tmp_path: Path) -> None:
    for words, says in (
        ([table, "--tag", "x"], "--tag"),
        ([tmp_path, "--metric", "x"], "--metric"),
        ([table, "--force"], "--force"),
        ([table, "-C", table], "twice"),
    ):
        done = invoke(*map(str, words))
        assert done.exit_code == 2
        assert says in done.output


def test_only_the_beginning_of_a_huge_file_is_read(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.store.table_files, "MOST_BYTES", 2**20)
    line = "a1b2c3d\t0.99\t44.0\tdiscard\tother\t" + "x" * 1000 + "\n"
    with open(table, "a") as file:
        file.write(line * 3000)
    found = facts(table)
    assert found["notes"][0] == "only the first 1 of 3 MiB were read"
    assert 900 < found["counts"]["total"] < 1100
    assert len(found["bad_rows"]) == 1  # no incomplete row at the end


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(TABLE))
    writer.start()
    assert facts(pipe)["counts"]["total"] == 5
    writer.join()


def test_the_installed_command(table: Path, repository: Path) -> None:
    done = run_command("results", table, "--json")
    assert json.loads(done.stdout)["best"] == 0.98
    done = run_command("results", "-C", table, "--top", "1")
    assert done.stdout.startswith("#5")
    done = run_command("results", repository / "gone.tsv")
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
    run_command("run", repository, "--headless", "--yes", "--max", "2", "--budget", "0.05")
    found = json.loads(run_command("results", repository, "--json").stdout)
    assert set(found) >= {"metric", "direction", "counts", "best", "baseline", "bad_rows", "trend"}
    assert found["counts"]["total"] == 2
    assert found["rows"][0]["hypothesis"]
    target = repository.parent / "night.csv"
    wrote = run_command("results", repository, "--export", target, "--kept")
    assert wrote.returncode == 0, wrote.stderr
    assert target.read_text().startswith("commit,val_bpb,memory_gb,status,description,experiment")
    own = run_command("results", repository, "--export", repository / "results.tsv", "--force")
    assert own.returncode == 2
    written = json.loads(run_command("results", repository / "results.tsv", "--json").stdout)
    assert (written["best"], written["counts"]) == (
        pytest.approx(found["best"], abs=1e-6),
        found["counts"],
    )


def taken_over(tmp_path: Path) -> Path:
    """Return a session with five imported rows and three experiments of its own."""
    night = Night(tmp_path)
    attempts = history_of(read_table(TABLE.encode()), {}, (), "autoresearch/night").attempts
    night.say(ev.HistoryImported(file="results.tsv", branch="b", tip="f" * 40, attempts=attempts))
    night.experiment(0.985, Verdict.KEEP, "baseline again", category="other")
    night.experiment(0.97, Verdict.KEEP, "own idea", category="batch", gain=0.015)
    night.experiment(None, Verdict.CRASH, "own crash", category="batch")
    return tmp_path


def test_imported_rows_come_first_and_are_marked(tmp_path: Path) -> None:
    workspace = taken_over(tmp_path)
    found = facts(workspace)
    assert [r["adopted"] for r in found["rows"]] == [True] * 5 + [False] * 3
    assert [r["experiment"] for r in found["rows"]] == [None] * 5 + [1, 2, 3]
    assert [r["row"] for r in found["rows"][:5]] == [1, 2, 3, 4, 5]
    assert found["rows"][1]["metric"] == 0.986041 and found["rows"][1]["commit"] == "b1b2c3d"
    # The statistics cover the session's own experiments; those of imported rows are separate.
    assert found["counts"]["total"] == 3 and found["baseline"] == 0.985 and found["best"] == 0.97
    assert found["adopted"]["rows"] == found["adopted"]["counts"]["total"] == 5
    assert found["adopted"]["counts"]["crash"] == 1 and found["adopted"]["baseline"] == 0.9979
    lines = shown(workspace).splitlines()
    assert [line.split()[0] for line in lines[:8]] == ["row"] * 5 + ["#1", "#2", "#3"]
    assert "5 of these are imported rows" in "\n".join(lines)
    top = facts(workspace, "--top", "2")["rows"]
    assert [r["metric"] for r in top] == [0.97, 0.98]
    batch = facts(workspace, "--category", "batch")["rows"]
    assert [(r["adopted"], r["row"] if r["adopted"] else r["experiment"]) for r in batch] == [
        *((True, 2), (True, 4), (True, 5)),
        *((False, 2), (False, 3)),
    ]
    target = tmp_path / "out.csv"
    shown(workspace, "--export", target)
    rows = list(csv.DictReader(target.read_text().splitlines()))
    assert [r["adopted"] for r in rows] == ["adopted"] * 5 + [""] * 3


def test_an_overruled_verdict_counts(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.experiment(1.0, Verdict.KEEP, "baseline")
    night.experiment(1.1, Verdict.DISCARD, "worse, but simpler")
    night.say(
        ev.Overruled(experiment=2, verdict=Verdict.KEEP, by=Actor.COMMAND_LINE, reason="why not")
    )
    found = facts(tmp_path)
    assert found["counts"]["keep"] == 2
    assert found["rows"][1]["verdict"] == "keep" and found["rows"][1]["overruled"] is True
    assert len(facts(tmp_path, "--kept")["rows"]) == 2


def test_an_export_that_cannot_be_written(tmp_path: Path, table: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    full = target / ("x" * 246 + ".csv")
    assert "cannot be written" in refused(WorkspaceError, table, "--export", full)


def test_numbers_are_numbers_in_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = ["0123456\t1.5\tkeep\tone\t3\t0.1\t007", "abc1234\t1.4\tkeep\ttwo\t\t2e-3\t008"]
    (tmp_path / "results.tsv").write_text(
        "commit\tval_bpb\tstatus\tdescription\tdepth\tlr\tcode\n" + "\n".join(rows) + "\n"
    )
    out = tmp_path / "out.parquet"
    done = CliRunner().invoke(cli, ["results", str(tmp_path / "results.tsv"), "--export", str(out)])
    assert done.exit_code == 0, done.output
    read = parquet.read_table(out).to_pydict()
    assert read["depth"] == [3, None] and read["lr"] == [0.1, 0.002]
    assert read["code"] == ["007", "008"] and read["commit"] == ["0123456", "abc1234"]
