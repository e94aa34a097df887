"""No verb prints text of a journal, a table or a file that controls or deceives the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from engine.core.errors import AutoresearchError
from engine.core.layout import Layout, engine_log
from tests.hostile import ATTACK, BIDI, C0, C1, INVISIBLE, unsafe_in
from tests.hostile_journal import hostile_journal
from tests.world import make_repository
from tui import cli as entry
from tui.commands.output import clean, style
from tui.commands.verbs import cli

HOSTILE = (ATTACK + "\x1b[35m" + C0 + C1 + BIDI + INVISIBLE).replace("\ud800", "")
COLOUR = re.compile("\x1b\\[(?:0|1|2|3[1236]|3[1236];1)m")
VERBS = [
    *(["status"], ["results"], ["results", "--all"], ["decisions"], ["queue"], ["pin"], ["ban"]),
    *(["note"], ["program"], ["diff", "2"], ["watch"], ["watch", "--all"], ["autonomy"]),
    *(["merge"], ["revert", "2"], ["check"], ["check", "--log"], ["report"], ["notify"]),
    *(["status", "nowhere\x1b]0;x\x07"], ["attach"], ["pause"], ["kill"], ["approve"]),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace whose journal and files are hostile wherever they can be read at all."""
    path = tmp_path_factory.mktemp("hostile") / "w"
    layout = Layout(path, "steered")
    layout.session.mkdir(parents=True)
    hostile = hostile_journal(layout.journal, HOSTILE)
    assert len(hostile) > 60, sorted(hostile)
    for place in ("AlarmRaised.message", "SessionStarted.config.agent", "Measured.measurement"):
        assert any(f"{kind}.{key}".startswith(place) for kind, key in hostile), place
    make_repository(path, {"train.py": f"A = 1  # {HOSTILE}\n", "program.md": HOSTILE})
    engine_log(path).write_text(HOSTILE)
    (path / "results.tsv").write_text(
        f"commit\tval_bpb\tstatus\tdescription\nx\t1\tkeep\t{HOSTILE}"
    )
    for number in range(1, 7):
        directory = layout.experiment(number)
        directory.mkdir(parents=True)
        for name in ("patch.diff", "reasoning.md"):
            (directory / name).write_text(HOSTILE)
    return path


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
@pytest.mark.parametrize("colour", [False, True])
def test_a_verb_prints_only_its_own_escapes(
    workspace: Path, words: list[str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    done = CliRunner().invoke(cli, words, color=colour)
    if not isinstance(done.exception, AutoresearchError | click.ClickException | SystemExit | None):
        raise done.exception
    output = COLOUR.sub("", done.output) if colour else done.output
    assert unsafe_in(output, allowed="\n\t") == set()


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_json_is_printed_with_escapes(
    workspace: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert unsafe_in(done.stdout, allowed="\n\t") == set()
    if done.exit_code == 0 and done.stdout.startswith("{\n"):
        json.loads(done.stdout)


def test_reports_hold_no_such_text(workspace: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["report", str(workspace), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    texts = {
        path.name: path.read_text("utf-8")
        for path in (tmp_path / "out").rglob("*")
        if path.suffix in (".md", ".html", ".svg", ".json", ".csv", ".tsv")
    }
    assert {".md", ".html", ".svg"} <= {Path(name).suffix for name in texts}
    for name, text in texts.items():
        assert unsafe_in(text, allowed="\n\t") == set(), name
        assert "pwned" in text or name.endswith(".svg"), name


def test_only_our_own_colours_are_printed() -> None:
    hostile = f"{HOSTILE} {style('x', fg='red')[:8]}"
    assert unsafe_in(COLOUR.sub("", clean(style(hostile, fg="red", bold=True))), "\n\t") == set()
    assert clean(style("a", fg="red", bold=True) + "b") == "\x1b[31;1ma\x1b[0mb"
    assert clean(style("a")) == "a"


def test_errors_and_tracebacks_are_cleaned(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(error: BaseException) -> str:
        def main(**options: object) -> None:
            raise error

        monkeypatch.setattr(cli, "main", main)
        with pytest.raises(SystemExit):
            entry.main()
        return capsys.readouterr().err

    errors = [
        AutoresearchError(HOSTILE),
        click.UsageError(HOSTILE, click.Context(cli)),
        click.ClickException(HOSTILE),
        OSError(2, "no such file", HOSTILE),
        RuntimeError(HOSTILE),
    ]
    for error in errors:
        shown = fail(error)
        assert "pwned" in shown or "title" in shown
        assert unsafe_in(shown, allowed="\n\t") == set()
    assert "Traceback" in fail(RuntimeError(HOSTILE))
