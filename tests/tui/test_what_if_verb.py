"""`autoresearch-tui results --what-if`: which keeps stand, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.core.enums import Verdict
from engine.core.errors import AutoresearchError, UsageError
from tests.report.nights import Night
from tui.commands.verbs import cli

TABLE = """\
commit\tval_bpb\tmemory_gb\tstatus\tdescription
a1b2c3d\t0.997900\t44.0\tkeep\tbaseline
b1b2c3d\t0.986041\t43.9\tkeep\thalve batch
c1b2c3d\t0.985041\t43.9\tkeep\twarmdown
d1b2c3d\t0.984941\t43.9\tkeep\tinit scale
e1b2c3d\t0.990000\t60.2\tdiscard\tadd warmup
"""
REPEATS = """\
f1b2c3d\t0.{}\t43.9\tdiscard\ta new idea
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "any.tsv"
    path.write_text(TABLE)
    return path


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(cli, ["results", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_each_keep_and_what_is_supported(table: Path) -> None:
    result = run(table, "--what-if", "confirm", "--sigma", "0.0004")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.split()[:3] for line in lines[:3]] == [
        ["#2", "✓", "stands"],
        ["#3", "?", "repeat"],
        ["#4", "↓", "discard"],
    ]
    assert "+0.001000 ± 0.0011" in lines[1] and lines[1].endswith("warmdown")
    assert lines[3:] == [
        "Under confirm at σ 0.0004, 1 of 3 keeps stand; supported gain 0.0119 ± 0.0011 of "
        "0.013 ± 0.0011.",
        "1 would have been run again (0.001 ± 0.0011), 1 would have been discarded "
        "(0.0001 ± 0.0011); what more runs would have shown cannot be told from here.",
    ]


def test_the_same_as_json_beside_the_usual_keys(table: Path) -> None:
    usual = json.loads(run(table, "--json").output)
    facts = json.loads(run(table, "--json", "--what-if", "confirm", "--sigma", "4e-4").output)
    answer = facts.pop("what_if")
    assert facts == usual
    assert answer["rule"] == "confirm"
    assert (answer["sigma"], answer["sigma_is_given"]) == (0.0004, True)
    assert (answer["kept"], answer["gain"]) == (3, pytest.approx(0.012959))
    assert {k: answer[k]["count"] for k in ("stands", "repeated", "discarded")} == {
        "stands": 1,
        "repeated": 1,
        "discarded": 1,
    }
    assert answer["stands"]["gain"] == pytest.approx(0.011859)
    assert answer["stands"]["half_width"] == pytest.approx(1.96 * 2**0.5 * 0.0004, rel=1e-3)
    assert [keep["fate"] for keep in answer["keeps"]] == ["stands", "repeated", "discarded"]
    assert answer["notes"] == []


def test_sigma_is_estimated_from_commits_that_were_run_again(table: Path) -> None:
    with table.open("a") as file:
        file.writelines(map(REPEATS.format, (9900, 9904, 9908, 9902, 9906)))
    answer = json.loads(run(table, "--json", "--what-if", "confirm").output)["what_if"]
    assert answer["sigma"] == pytest.approx(0.000316, rel=0.01)
    assert (answer["sigma_is_given"], answer["degrees_of_freedom"]) == (False, 4)
    text = run(table, "--what-if", "confirm").output
    assert "at σ 0.00032 (at most 0.00075; 5 runs of 1 commit), 1 of 3 keeps stand" in text


def test_a_sigma_of_too_few_repeats_is_asked_for(table: Path) -> None:
    with pytest.raises(UsageError, match="is not known") as none:
        run(table, "--what-if", "confirm")
    assert "No commit was run more than once" in str(none.value)
    with table.open("a") as file:
        file.writelines(map(REPEATS.format, (9900, 9904, 9908)))
    with pytest.raises(UsageError, match="2 degrees of freedom; 4 are needed") as few:
        run(table, "--what-if", "confirm")
    assert "Add --sigma X" in str(few.value)


@pytest.mark.parametrize("sigma", ["0", "-1", "abc", "nan", "inf", ""])
def test_a_sigma_that_is_none(table: Path, sigma: str) -> None:
    result = run(table, "--what-if", "confirm", "--sigma", sigma)
    assert result.exit_code == 2
    assert "Invalid value for '--sigma'" in result.output
    assert "number" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--what-if", "bayes"), "'bayes' is not one of 'confirm', 'greedy', 'min_delta'"),
        (("--sigma", "1"), "--sigma is for --what-if"),
        (("--what-if", "greedy", "--min-delta", "1"), "--min-delta is for --what-if min_delta"),
    ],
)
def test_options_that_do_not_fit(table: Path, options: tuple[str, ...], message: str) -> None:
    result = run(table, *options)
    assert result.exit_code == 2
    assert message in result.output


def test_the_rules_that_need_no_sigma(table: Path) -> None:
    greedy = run(table, "--what-if", "greedy").output
    assert greedy.endswith(
        "Under greedy, 3 of 3 keeps stand; supported gain 0.012959 of 0.012959.\n"
    )
    with pytest.raises(UsageError, match="needs the smallest gain"):
        run(table, "--what-if", "min_delta")
    delta = run(table, "--what-if", "min_delta", "--min-delta", "0.0009").output
    assert "1 would have been discarded (0.0001)." in delta
    assert "cannot be told" not in delta


def test_a_table_without_a_metric(tmp_path: Path) -> None:
    path = tmp_path / "any.tsv"
    path.write_text("commit\tstatus\tdescription\na1b2c3d\tkeep\tbaseline\nb1b2c3d\tkeep\tidea\n")
    with pytest.raises(AutoresearchError, match="no column with a metric"):
        run(path, "--what-if", "confirm", "--sigma", "1")


def test_a_metric_of_unknown_direction(tmp_path: Path) -> None:
    path = tmp_path / "any.tsv"
    path.write_text("commit\tzorp\tstatus\na1b2c3d\t1.5\tdiscard\nb1b2c3d\t1.6\tdiscard\n")
    with pytest.raises(UsageError, match="--direction"):
        run(path, "--what-if", "greedy")


@pytest.mark.parametrize("rows", [1, 0])
def test_a_table_with_nothing_to_judge(table: Path, rows: int) -> None:
    table.write_text("".join(TABLE.splitlines(keepends=True)[: 1 + rows]))
    result = run(table, "--what-if", "confirm", "--sigma", "1")
    assert result.exit_code == 0
    assert result.output == "Nothing was kept after the baseline: confirm has nothing to judge.\n"


def test_a_metric_with_three_distinct_values(tmp_path: Path) -> None:
    path = tmp_path / "any.tsv"
    rows = ["0.50 keep a", "0.51 keep b", "0.50 discard c", "0.52 keep d", "0.51 discard e"]
    lines = ("\t".join([f"{i}1b2c3d", *row.split()]) for i, row in enumerate(rows))
    path.write_text("\n".join(["commit\taccuracy\tstatus\tdescription", *lines]))
    fine = run(path, "--what-if", "confirm", "--sigma", "0.002").output
    assert "accuracy has only 3 distinct values, at least 0.01 apart" in fine
    assert "distinct" not in run(path, "--what-if", "confirm", "--sigma", "0.02").output


def test_a_session_with_repeats_in_its_journal(tmp_path: Path) -> None:
    night = Night(tmp_path)
    first = night.experiment(1.0, Verdict.KEEP, "baseline")
    for value in (1.01, 0.99, 1.0, 1.0):
        night.experiment(value, Verdict.DISCARD, "baseline", of=first)
    kept = night.experiment(0.97, Verdict.KEEP, "halve batch")
    night.experiment(0.975, Verdict.DISCARD, "halve batch", of=kept)
    night.experiment(0.974, Verdict.KEEP, "depth 9")
    result = run(tmp_path, "--what-if", "confirm")
    assert result.exit_code == 0, result.output
    assert "✓ stands   +0.027500" in result.output
    assert "(2 runs)" in result.output
    assert "1 of 2 keeps stand" in result.output
    answer = json.loads(run(tmp_path, "--what-if", "confirm", "--json").output)["what_if"]
    assert [keep["runs"] for keep in answer["keeps"]] == [2, 1]
