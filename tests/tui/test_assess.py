"""The verb `assess`."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine import plugins as risk_rules
from engine.core.errors import UsageError
from engine.core.risk import RULES, Rule, Weight
from tui.commands.assess import spans
from tui.commands.verbs import cli

BASE = 'import torch\nx = 1.0\nprint(f"loss: {x:.3f}")\n'


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.py"
    path.write_text(BASE)
    return path


def assess(candidate: Path, base: Path, *more: str) -> Result:
    words = ["assess", str(candidate), "--base", str(base), "--metric", "loss", *more]
    return CliRunner().invoke(cli, words)


def written(base: Path, text: str | bytes) -> Path:
    path = base.with_name("candidate.py")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_no_findings_is_a_sentence(base: Path) -> None:
    done = assess(base, base)
    assert (done.exit_code, done.output) == (0, "No findings.\n")
    assert json.loads(assess(base, base, "--json").output) == {"findings": []}


def test_a_block_has_exit_code_0(base: Path) -> None:
    candidate = written(base, BASE.replace("{x:.3f}", "{x / 2:.3f}"))
    done = assess(candidate, base)
    assert done.exit_code == 0
    assert "block metric-value line 3\n" in done.output
    findings = json.loads(assess(candidate, base, "--json").output)["findings"]
    assert set(findings[0]) == {"rule", "weight", "lines", "message"}
    assert (findings[0]["weight"], findings[0]["lines"]) == ("block", [3])


def test_program_md_and_the_locked_files_count(base: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.md"
    program.write_text("Do not change `x`.\n")
    candidate = written(base, BASE.replace("import torch", "import torch\nimport rules"))
    assert "new-import" in assess(candidate, base).output
    assert "harness-import" in assess(candidate, base, "--locked", "lib/rules.py").output
    candidate = written(base, BASE.replace("1.0", "2.0"))
    assert "charter" not in assess(candidate, base).output
    assert "charter" in assess(candidate, base, "--program", str(program)).output


def test_escapes_in_a_file_do_not_reach_the_terminal(base: Path) -> None:
    candidate = written(base, BASE + 'open("\x1b]0;pwned\x07\x1b[2J\u202e.txt")\n')
    for more in ((), ("--json",)):
        done = assess(candidate, base, *more)
        assert "file-system" in done.output
        assert not set("\x1b\x07\u202e") & set(done.output)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "There is no file"), (b"\xff\xfe\x00", "not UTF-8")],
)
def test_files_that_cannot_be_read(base: Path, content: bytes | None, says: str) -> None:
    path = base.with_name("candidate.py")
    if content is not None:
        path.write_bytes(content)
    for one, other in ((path, base), (base, path)):
        error = assess(one, other).exception
        assert isinstance(error, UsageError)
        assert says in str(error)


def test_a_directory_is_not_a_file(base: Path, tmp_path: Path) -> None:
    error = assess(tmp_path, base).exception
    assert isinstance(error, UsageError)
    assert "not a file" in str(error)


def test_a_broken_candidate_is_a_finding(base: Path) -> None:
    done = assess(written(base, "def f(:"), base)
    assert done.exit_code == 0
    assert "ask   unreadable line 1" in done.output


def test_line_ends_are_not_a_change(base: Path) -> None:
    assert assess(written(base, BASE.replace("\n", "\r\n")), base).output == "No findings.\n"


def test_spans() -> None:
    assert spans((1, 3, 4, 5, 9)) == "1, 3–5, 9"
    assert spans(()) == ""


def test_the_command_starts_without_the_rules() -> None:
    code = "import sys, tui.commands.show; print([m for m in sys.modules if '.risk.' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---- rules of other packages ---------------------------------------------------------------------

MINE = Rule("mine", Weight.NOTE, lambda edit: [((1,), "Mine.")])
NOT_A_RULE = "text"


def test_installed_rules_are_added(monkeypatch: pytest.MonkeyPatch, base: Path) -> None:
    group = risk_rules.ENTRY_POINT_GROUP
    points = [
        EntryPoint(name, f"{__name__}:{name}" if name in ("MINE", "NOT_A_RULE") else name, group)
        for name in ("MINE", "NOT_A_RULE", "missing:rule")
    ]
    monkeypatch.setattr(risk_rules, "entry_points", lambda group: points)
    monkeypatch.setattr(EntryPoint, "load", lambda self: _load(self.name))
    rules = risk_rules.load_rules()
    assert rules[: len(RULES)] == RULES
    done = assess(written(base, BASE + "y = 1\n"), base)
    assert "note  mine line 1\n      Mine.\n" in done.output
    assert done.output.count("cannot be loaded") == 2


def _load(name: str) -> object:
    if name == "MINE":
        return [MINE]
    if name == "NOT_A_RULE":
        return NOT_A_RULE
    raise ModuleNotFoundError(name)
