"""Every verb in locales that are not UTF-8: no output raises, and all files are found."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.world import COMMAND, DEADLINE_SECONDS, make_repository, one_run_each

pytestmark = pytest.mark.usefixtures("engines")

ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
TRAIN = 'ALPHA = 0.3\nsize = len(open("größe/ü.bin").read())\nprint(f"val_loss: {ALPHA * size}")\n'
VERBS = (
    *("status", "check", "results", "merge", "diff 1", "decisions", "queue", "report --stdout"),
    *("--help", "results --json", "status --json", "check --json", "show 2", "program"),
)


def use(words: tuple[object, ...], top: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a verb, and return its exit code and all of its output."""
    done = subprocess.run(
        [str(COMMAND), *one_run_each([*map(str, words)])],
        cwd=top,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def latin1(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Return a directory with the locale en_US in ISO-8859-1, made here; None where none can be."""
    directory = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        return None
    command = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(directory / "en_US.iso88591")]
    subprocess.run(command, check=False, capture_output=True)
    return directory if (directory / "en_US.iso88591").is_dir() else None


@pytest.mark.parametrize(
    "name", ["C", pytest.param("POSIX", marks=pytest.mark.torture), "latin1", "io"]
)
def test_no_verb_fails_for_the_locale(tmp_path: Path, latin1: Path | None, name: str) -> None:
    if name == "latin1" and latin1 is None:
        pytest.skip("the locale cannot be made here")
    environment = {
        "C": ASCII | {"LC_ALL": "C"},
        "POSIX": ASCII | {"LC_ALL": "POSIX"},
        "latin1": {"LOCPATH": str(latin1), "LC_ALL": "en_US.iso88591"},
        "io": {"PYTHONIOENCODING": "latin-1"},
    }[name]
    # The run itself is the user's program, and would not find the file in an ASCII locale either.
    train = TRAIN if name in ("latin1", "io") else TRAIN.replace('"größe/ü.bin"', '"prepare.py"')
    top = make_repository(tmp_path / "work", {"train.py": train, "prepare.py": "A = 1\n"})
    (top / "größe").mkdir()
    (top / "größe/ü.bin").write_text("12")
    if name == "latin1":
        # Python reads the names of files in the run's own locale.
        (top / "train.py").write_text(TRAIN.replace('"größe/ü.bin"', '"größe/ü.bin".encode()'))
        subprocess.run(["git", "-C", str(top), "commit", "-qam", "bytes"], check=True)
    start = ("run", "--headless", "--max", "2", "--yes", "--direction", "min")
    code, text = use((*start, "--scope", "nur größer"), top, environment)
    assert code == 0, text
    assert "keep" in text
    for verb in VERBS:
        code, text = use((*verb.split(),), top, environment)
        assert "Traceback" not in text, f"{verb}: {text}"
        assert "codec can't" not in text, f"{verb}: {text}"
    # A byte that is not UTF-8, as such a terminal sends it.
    other = b"gr\xf6\xdfer".decode("utf-8", "surrogateescape")
    for words in (("pin", other), ("results", other), ("start", "--tag", "t2", "--scope", other)):
        code, text = use(words, top, environment)
        assert "Traceback" not in text, text
    assert code == 2
    assert "--scope is not UTF-8 text" in text
