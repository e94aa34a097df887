"""What a run leaves behind has no effect on later runs, on git or on the user's checkout."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from engine.core.enums import Outcome
from engine.core.layout import Layout
from tests.journals import read_session
from tests.warm import run_warm
from tests.world import git, make_repository, wait_for

pytestmark = pytest.mark.usefixtures("engines")

KNOBS = """\
import os, pathlib, shutil, sys

MATRIX_LR = 0.04
EMBEDDING_LR = 0.6
WARMDOWN_RATIO = 0.5
DEPTH = 4

here = pathlib.Path.cwd()
number = int(pathlib.Path(os.environ["AUTORESEARCH_RUN"]).parent.name)
"""
REPORT = """
print(f"val_bpb: {loss:.6f}")
print("training_seconds: 0.1")
print("num_steps: 10")
"""

PLANTS = (
    KNOBS
    + """
import importlib.util, importlib._bootstrap_external as external

loss = 1.0
for name in ("linked", "nested.module", "ignored", "readonly.deep.module"):
    try:
        importlib.import_module(name)
        loss -= 0.1
    except ImportError:
        pass
import prepare
loss -= prepare.DATA - 1

outside = here.parent.parent / "outside"
(outside / "linked").mkdir(parents=True, exist_ok=True)
(outside / "linked" / "__init__.py").touch()
(here / "linked").symlink_to(outside / "linked")
os.system("git init -q nested && touch nested/module.py")
(here / "ignored.py").touch()
(here / "readonly" / "deep").mkdir(parents=True)
(here / "readonly" / "deep" / "module.py").touch()
(here / "readonly" / "deep").chmod(0)
(here / "readonly").chmod(0o500)
os.mkfifo("pipe")
os.mkfifo(".gitignore.pipe")
(here / "a\\nnew line").touch()
(here / ".hidden").touch()
code = compile("DATA = 2", "prepare.py", "exec")
unchecked = external._code_to_hash_pyc(code, b"x" * 8, False)
for prefix in (None, sys.pycache_prefix):
    sys.pycache_prefix = prefix
    compiled = pathlib.Path(importlib.util.cache_from_source(str(here / "prepare.py")))
    compiled.parent.mkdir(parents=True, exist_ok=True)
    compiled.write_bytes(unchecked)
"""
    + REPORT
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a workspace; a test writes the training file that it needs."""
    files = {"train.py": PLANTS, "prepare.py": "DATA = 1\n", ".gitignore": "ignored.py\n"}
    return make_repository(tmp_path / "work", files)


def run(workspace: Path, *flags: str) -> None:
    words = ("--headless", "--yes", "--tag", "t", "--budget", "0.05", *flags)
    done = run_warm("run", workspace, *words)
    assert done.returncode == 0, done.stdout + done.stderr


def commit(repository: Path, source: str) -> None:
    (repository / "train.py").write_text(source)
    git(repository, "commit", "-qam", "another training file")


def test_nothing_a_run_leaves_reaches_a_later_one(repository: Path) -> None:
    unfinished = repository / ".autoresearch/.config.toml.autoresearch-k1lled00"
    unfinished.parent.mkdir()
    unfinished.touch()
    os.utime(unfinished, (0, 0))
    run(repository, "--max", "3")
    session = read_session(repository, "t")
    found = [e.measurement.metric for e in session.experiments if e.measurement is not None]
    assert found == [1.0, 1.0, 1.0]
    wait_for(lambda: not unfinished.exists(), "the file of a killed process to be deleted")
    # Files that are worth keeping are kept, under whatever name.
    names = {p.name for p in (Layout(repository, "t").run(1, 1) / "files").rglob("*")}
    assert {"a\nnew line", ".hidden", "module.py"} <= names
    assert "ignored.py" not in names


TAMPERINGS = (
    KNOBS
    + """
loss = 1.0
user = here.parents[3]
assert (user / ".git").is_dir()
pointer = here / ".git"
evil = user.parent / f"evil-{number}"

def replace(text=""):
    pointer.unlink()
    if text:
        pointer.write_text(text)

def own_git_directory():
    evil.mkdir()
    (evil / "HEAD").write_text("ref: refs/heads/main\\n")
    (evil / "commondir").write_text(str(user / ".git") + "\\n")
    (evil / "config.worktree").write_text(f"[core]\\n\\tfsmonitor = touch {user.parent}/started\\n")
    (evil / "gitdir").write_text(f"{pointer}\\n")

match number:
    case 1:
        replace(f"gitdir: {user}/.git\\n")
    case 2:
        own_git_directory()
        replace(f"gitdir: {evil}\\n")
    case 3:
        replace()
    case 4:
        pointer.chmod(0)
    case 5:
        replace()
        os.mkfifo(pointer)
    case 6:
        replace()
        shutil.copytree(user / ".git", pointer, ignore=shutil.ignore_patterns("worktrees"))
        with (pointer / "config").open("a") as config:
            config.write(f"[core]\\n\\tfsmonitor = touch {user.parent}/started\\n")
    case 7:
        replace()
        pointer.symlink_to(user / ".git")
    case 8:
        record = pathlib.Path(pointer.read_text().removeprefix("gitdir: ").strip())
        (record / "commondir").write_text(str(evil) + "\\n")
        (record / "HEAD").unlink()
        os.mkfifo(record / "HEAD")
        (record / "locked").write_text("for ever")
    case 9:
        (here / "train.py").unlink()
        os.chdir(here.parent)
        shutil.rmtree(here)
        here.symlink_to(user)
    case 10:
        (here / ".gitignore").unlink(missing_ok=True)
        os.mkfifo(here / ".gitignore")
        (here / "left.txt").touch()
"""
    + REPORT
)


def state_of(repository: Path) -> dict[str, str]:
    """Return hashes of the user's files, index, configuration and HEAD."""
    paths = [p for p in repository.iterdir() if p.is_file() and not p.is_symlink()]
    paths += [repository / ".git" / name for name in ("HEAD", "index", "config", "ORIG_HEAD")]
    return {
        str(p): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in paths
        if p.exists() and p.name != "results.tsv"
    }


def test_a_run_that_replaces_its_git_file_moves_nothing_of_the_user(repository: Path) -> None:
    commit(repository, TAMPERINGS)
    git(repository, "config", "extensions.worktreeConfig", "true")
    (repository / "notes.txt").write_text("mine\n")
    before = state_of(repository)
    run(repository, "--max", "11")
    session = read_session(repository, "t")
    assert [e.outcome for e in session.experiments] == [Outcome.FINISHED] * 11
    assert state_of(repository) == before
    assert git(repository, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert not (repository.parent / "started").exists()
    assert (Layout(repository, "t").run(10, 1) / "files/left.txt").exists()
