"""The example of docs/adding-a-risk-rule.md works as it is printed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.docs.packages import install_example
from tests.world import run_command

PAGE = "adding-a-risk-rule.md"
BASE = "from torch import nn\n\nmodel = nn.Linear(8, 8)\n"
CANDIDATE = BASE + "model = nn.Sequential(model, nn.Dropout(0.1))\n"


def test_the_installed_rule_finds_dropout(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    environment = install_example(PAGE, package)
    base, candidate = tmp_path / "base.py", tmp_path / "candidate.py"
    base.write_text(BASE)
    candidate.write_text(CANDIDATE)
    done = run_command("assess", candidate, "--base", base, "--json", env=environment)
    assert done.returncode == 0, done.stderr
    findings = [f for f in json.loads(done.stdout)["findings"] if f["rule"] == "no-dropout"]
    assert [(f["weight"], f["lines"], f["message"]) for f in findings] == [
        ("ask", [4], "The edit adds dropout.")
    ]
    same = run_command("assess", candidate, "--base", candidate, "--json", env=environment)
    assert json.loads(same.stdout) == {"findings": []}
