"""Runs import the worktree's modules, and list which edited files they open."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from engine.executors.edit_trace import EditTrace, read_trace, trace_settings
from engine.executors.worktree_paths import WorktreePaths

PACKAGE = {
    "src/tiny/__init__.py": "",
    "src/tiny/train.py": "def main():\n    print('COPY', __file__)\nmain()\n",
    "src/tiny/data.py": "WHERE = __file__\n",
}
EDITED = ("src/tiny/train.py",)


class Place:
    """A checkout, a worktree of it below `.autoresearch`, and a virtual environment."""

    def __init__(self, root: Path) -> None:
        self.checkout = root / "project"
        self.worktree = self.checkout / ".autoresearch" / "t" / "worktrees" / "slot-0"
        self.run = self.checkout / ".autoresearch" / "t" / "run"
        self.run.mkdir(parents=True)
        for top, text in ((self.checkout, "checkout"), (self.worktree, "worktree")):
            for name, source in PACKAGE.items():
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).write_text(source.replace("COPY", text))
        self.venv = self.checkout / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.venv], check=True)
        names = {"base": str(self.venv), "platbase": str(self.venv)}
        self.site = Path(sysconfig.get_path("purelib", vars=names))
        self.paths = WorktreePaths(self.checkout, self.worktree, os.environ)

    def python(self, *words: str, **variables: str) -> str:
        """Run the environment's Python in the worktree as a run does, and return its output."""
        environment = {"PATH": os.environ["PATH"], **variables}
        environment = self.paths.translate_variables(environment)
        environment |= trace_settings(self.paths, self.run, EDITED, environment)
        return subprocess.run(
            [self.venv / "bin" / "python", *words],
            cwd=self.worktree,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    @property
    def trace(self) -> EditTrace:
        return read_trace(self.run, self.paths, EDITED)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def the_worktree_ran(place: Place, output: str) -> None:
    assert output.split() == ["worktree", str(place.worktree / EDITED[0])]
    assert place.trace.edited == EDITED
    assert place.trace.others == ()


def test_an_editable_install_by_a_path_file(place: Place) -> None:
    (place.site / "tiny.pth").write_text(f"{place.checkout}/src\n")
    the_worktree_ran(place, place.python("-m", "tiny.train"))


FINDER = """\
import sys
from importlib.machinery import PathFinder

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, [{source!r}]) if name == "tiny" else None

def install():
    sys.meta_path.{insert}
"""


@pytest.mark.parametrize("insert", ["append(Finder)", "insert(0, Finder)"])
def test_an_editable_install_by_a_finder(place: Place, insert: str) -> None:
    source = FINDER.format(source=f"{place.checkout}/src", insert=insert)
    (place.site / "editable_tiny_finder.py").write_text(source)
    (place.site / "tiny.pth").write_text(
        "import editable_tiny_finder; editable_tiny_finder.install()\n"
    )
    the_worktree_ran(place, place.python("-m", "tiny.train"))


def test_a_copy_that_is_installed(place: Place) -> None:
    (place.site / "tiny").mkdir()
    for name, source in PACKAGE.items():
        (place.site / name.removeprefix("src/")).write_text(source.replace("COPY", "installed"))
    the_worktree_ran(place, place.python("-m", "tiny.train"))


@pytest.mark.parametrize("value", ["{top}/src", "/nowhere:{top}/src:/usr/x", "{top}/src/"])
def test_a_variable_that_names_the_checkout(place: Place, value: str) -> None:
    path = value.format(top=place.checkout)
    the_worktree_ran(place, place.python("-m", "tiny.train", PYTHONPATH=path))


def test_a_path_that_the_code_inserts(place: Place) -> None:
    code = f"import sys; sys.path.insert(0, {str(place.checkout / 'src')!r}); import tiny.train"
    the_worktree_ran(place, place.python("-c", code))


def test_a_module_that_only_the_checkout_has_is_found_there(place: Place) -> None:
    (place.site / "tiny.pth").write_text(f"{place.checkout}/src\n")
    (place.checkout / "src" / "tiny" / "_version.py").write_text("version = '7'\n")
    assert place.python("-c", "import tiny._version as v; print(v.version)") == "7\n"


def test_other_modules_of_the_checkout_are_those_of_the_worktree(place: Place) -> None:
    (place.site / "tiny.pth").write_text(f"{place.checkout}/src\n")
    output = place.python("-c", "import tiny.data; print(tiny.data.WHERE)")
    assert output.strip() == str(place.worktree / "src" / "tiny" / "data.py")


def test_the_environments_own_sitecustomize_runs(place: Place) -> None:
    (place.site / "sitecustomize.py").write_text("print('own')\n")
    assert place.python("-c", "import sitecustomize; print(sitecustomize.__file__)").split() == [
        "own",
        str(place.site / "sitecustomize.py"),
    ]


def test_modules_of_other_places_are_left_alone(place: Place) -> None:
    (place.site / "train.py").write_text("print(__file__)\n")
    assert place.python("-c", "import train").strip() == str(place.site / "train.py")
    assert place.trace.edited == ()
    assert place.trace.others == (str(place.site / "train.py"),)


def test_a_file_that_is_read_and_not_imported_is_listed(place: Place) -> None:
    place.python("-c", f"open({str(place.worktree / EDITED[0])!r}).read()")
    assert place.trace.edited == EDITED
    assert place.trace.pythons == (str(place.venv / "bin" / "python"),)


def test_a_file_that_is_written_is_not_listed(place: Place) -> None:
    place.python("-c", "open('train.py', 'w').write('')")
    assert place.trace.edited + place.trace.others == ()


def test_a_python_without_the_variables_lists_nothing(place: Place) -> None:
    place.python("-I", "-c", "pass")
    assert place.trace == EditTrace()


def test_a_damaged_list_says_nothing(place: Place) -> None:
    os.mkfifo(place.run / "opened.tsv")
    assert place.trace == EditTrace()


def test_only_the_bytecode_of_installed_modules_is_read_where_it_is(place: Place) -> None:
    (place.site / "installed.py").write_text("")
    code = (
        "import importlib.util as u, installed, json, sys\n"
        "print(installed.__cached__, json.__cached__, u.cache_from_source(sys.argv[1]))"
    )
    path = str(place.worktree / EDITED[0])
    found = place.python("-c", code, path, PYTHONPYCACHEPREFIX=f"{place.run}/compiled").split()
    assert [Path(name).parent.name for name in found[:2]] == ["__pycache__", "__pycache__"]
    assert found[0].startswith(str(place.site))
    assert found[2].startswith(f"{place.run}/compiled{place.worktree}")


# ---- paths


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("python {top}/src/tiny/train.py", "python {there}/src/tiny/train.py"),
        ("--config={top}/src/tiny/data.py", "--config={there}/src/tiny/data.py"),
        ("cd '{top}' && ls", "cd '{there}' && ls"),
        ("{top}/.venv/bin/python", "{top}/.venv/bin/python"),
        ("{top}/data/shard", "{top}/data/shard"),
        ("{top}2/src", "{top}2/src"),
        ("/mnt{top}/src", "/mnt{top}/src"),
        ("{top}/.autoresearch/t", "{top}/.autoresearch/t"),
        ("{top}/.git", "{top}/.git"),
        ("{top}:{top}/src:x", "{there}:{there}/src:x"),
    ],
)
def test_paths_are_translated_where_the_worktree_has_them(
    place: Place, before: str, after: str
) -> None:
    names = {"top": str(place.checkout), "there": str(place.worktree)}
    assert place.paths.translate(before.format(**names)) == after.format(**names)


def test_linked_data_stays_in_the_checkout(place: Place) -> None:
    (place.checkout / "data").mkdir()
    (place.worktree / "data").symlink_to(place.checkout / "data")
    assert place.paths.translate(f"{place.checkout}/data") == f"{place.checkout}/data"


def test_a_checkout_reached_through_a_link_is_known_by_both_names(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(place.checkout)
    paths = WorktreePaths(place.checkout, place.worktree, {"PWD": f"{tmp_path}/link/src"})
    assert paths.translate(f"{tmp_path}/link/src") == f"{place.worktree}/src"
    assert paths.translate(f"{place.checkout}/src") == f"{place.worktree}/src"
