"""What a real run sees of the user's environment, and what the user is told about the rest."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from engine.core.enums import Outcome
from tests.journals import read_session
from tests.warm import run_warm
from tests.world import make_repository

pytestmark = pytest.mark.usefixtures("engines")

TRAIN = """\
import os
print(sorted(os.environ))
print("root:", os.environ["DATA_ROOT"])
print(f"val_bpb: {1.0}")
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "w", {"train.py": TRAIN, "prepare.py": "DATA = 1\n"})


def test_a_run_gets_what_is_harmless_and_what_the_user_passes(repository: Path) -> None:
    secret = {"DATA_ROOT": "/data", "DB_PASS": "hunter22", "OPENAI_API_KEY": "sk-123456"}
    run = ("run", repository, "--headless", "--yes")
    done = run_warm(*run, "--tag", "t", "--max", "1", env=secret)
    assert "Not passed to the run" in done.stdout + done.stderr
    session = read_session(repository, "t")
    first = session.experiment(1).run
    assert first is not None
    assert first.outcome is Outcome.ENVIRONMENT
    assert "--pass-env DATA_ROOT" in done.stdout + done.stderr
    done = run_warm(*run, "--pass-env", "DATA_ROOT", env={**secret, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    log = (repository / "run.log").read_text()
    assert "root: /data" in log
    assert "'OMP_NUM_THREADS'" in log
    assert "DB_PASS" not in log and "OPENAI_API_KEY" not in log


SECRET = "s3cret/value+that-is-passed"
LEAKING = """\
import os, urllib.parse
token = os.environ["LAB_PASS"]
print("url:", "https://lab.example/?t=" + urllib.parse.quote(token, safe=""))
raise ValueError("cannot log in with " + token)
"""


def test_a_passed_secret_is_redacted_in_the_log_and_where_it_is_quoted(
    tmp_path: Path,
) -> None:
    workspace = make_repository(tmp_path / "w", {"train.py": LEAKING, "prepare.py": "A = 1\n"})
    words = ("--headless", "--yes", "--tag", "t", "--max", "1", "--metric", "val_bpb")
    done = run_warm("run", workspace, *words, "--pass-env", "LAB_PASS", env={"LAB_PASS": SECRET})
    run = read_session(workspace, "t").experiment(1).run
    assert run is not None
    assert "cannot log in with ***" in run.detail
    forms = (SECRET, quote(SECRET, safe=""))
    assert not any(form in (workspace / "run.log").read_text() for form in forms)
    assert not any(form in done.stdout + done.stderr for form in forms)
    found = [
        path
        for path in (workspace / ".autoresearch").rglob("*")
        if path.is_file()
        if any(form.encode() in path.read_bytes() for form in forms)
    ]
    assert found == []
