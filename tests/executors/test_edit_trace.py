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

    def __init__(self, root: Path, name: str = "project") -> None:
        self.checkout = root / name
        self.worktree = self.checkout / ".autoresearch" / "t" / "worktrees" / "slot-0"
        self.run = self.checkout / ".autoresearch" / "t" / "run"
        self.run.mkdir(parents=True)
        for name, source in PACKAGE.items():
            self.write(name, source)
        self.venv = self.checkout / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.venv], check=True)
        names = {"base": str(self.venv), "platbase": str(self.venv)}
        self.site = Path(sysconfig.get_path("purelib", vars=names))
        (self.worktree / ".venv").symlink_to(self.venv)
        self.paths = WorktreePaths(self.checkout, self.worktree, os.environ)

    def write(self, name: str, text: str) -> None:
        """Write a file of the checkout and of the worktree, in which COPY says which it is."""
        for top, copy in ((self.checkout, "checkout"), (self.worktree, "worktree")):
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text.replace("COPY", copy))

    def python(self, *words: str, edited: tuple[str, ...] = EDITED, **variables: str) -> str:
        """Run the environment's Python in the worktree as a run does, and return its output."""
        environment = {"PATH": os.environ["PATH"], **variables}
        environment = self.paths.translate_variables(environment)
        environment |= trace_settings(self.paths, self.run, edited, environment)
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


SOURCE = "print('COPY', __file__)\n"


def install(place: Place, *names: str) -> None:
    """Copy files of the checkout into the environment."""
    for name in names:
        copy = place.site / name.removeprefix("src/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((place.checkout / name).read_text())


@pytest.mark.parametrize(
    ("package", "edited"),
    [
        ("", "src/space/train.py"),
        ("src/outer/inner/__init__.py", "src/outer/inner/train.py"),
        ("", "src/single.py"),
    ],
)
def test_a_copy_outside_a_regular_package(place: Place, package: str, edited: str) -> None:
    place.write(edited, SOURCE)
    if package:
        place.write(package, "")
        install(place, package)
    install(place, edited)
    name = edited.removeprefix("src/").removesuffix(".py").replace("/", ".")
    output = place.python("-P", "-c", f"import {name}", edited=(edited,))
    assert output.split() == ["worktree", str(place.worktree / edited)]


@pytest.mark.parametrize(
    ("package", "edited", "installed"),
    [
        ("code/__init__.py", "code/train.py", ""),  # the standard library has `code`
        ("", "src/config.py", "config.py"),
        ("src/shared/__init__.py", "src/shared/train.py", "shared/__init__.py"),
    ],
)
def test_a_module_that_only_has_the_same_name_is_left_alone(
    place: Place, package: str, edited: str, installed: str
) -> None:
    place.write(edited, SOURCE)
    if package:
        place.write(package, "")
    if installed:
        (place.site / installed).parent.mkdir(exist_ok=True)
        (place.site / installed).write_text("another = True\n")
    name = Path(package).parent.name or Path(edited).stem
    output = place.python("-P", "-c", f"import {name}; print({name}.__file__)", edited=(edited,))
    assert not Path(output.strip()).is_relative_to(place.worktree)


def test_a_checkout_that_an_install_names_by_a_link(place: Place, tmp_path: Path) -> None:
    place.write("src/single.py", SOURCE)
    (tmp_path / "link").symlink_to(place.checkout)
    (place.site / "tiny.pth").write_text(f"{tmp_path}/link/src\n")
    output = place.python("-c", "import single", edited=("src/single.py",))
    assert output.split() == ["worktree", str(place.worktree / "src" / "single.py")]


def test_files_that_an_install_has_linked(place: Place) -> None:
    tree = place.checkout / "build" / "__editable__.tiny"
    tree.mkdir(parents=True)
    place.write("src/single.py", SOURCE)
    (tree / "single.py").symlink_to(place.checkout / "src" / "single.py")
    (place.site / "tiny.pth").write_text(f"{tree}\n")
    output = place.python("-c", "import single", edited=("src/single.py",))
    assert output.split() == ["worktree", str(place.worktree / "src" / "single.py")]


def test_a_checkout_within_the_directory_of_another_session(tmp_path: Path) -> None:
    place = Place(tmp_path, ".autoresearch/t/project")
    place.write("src/single.py", SOURCE)
    (place.site / "tiny.pth").write_text(f"{place.checkout}/src\n")
    output = place.python("-c", "import single", edited=("src/single.py",))
    assert output.split() == ["worktree", str(place.worktree / "src" / "single.py")]


def test_a_file_that_is_loaded_by_its_path(place: Place) -> None:
    code = (
        "import importlib.util as u, sys\n"
        "spec = u.spec_from_file_location('__any__', sys.argv[1])\n"
        "spec.loader.exec_module(u.module_from_spec(spec))"
    )
    the_worktree_ran(place, place.python("-c", code, str(place.checkout / EDITED[0])))


FINDERS = {
    "one that asks the finder of paths": """\
class Finder:
    def find_spec(self, name, path=None, target=None):
        return PathFinder.find_spec(name, path, target)
sys.meta_path.insert(0, Finder())
""",
    "one that asks all others": """\
class Finder:
    def find_spec(self, name, path=None, target=None):
        found = (f.find_spec(name, path, target) for f in sys.meta_path if f is not self)
        return next((spec for spec in found if spec is not None), None)
sys.meta_path.insert(0, Finder())
""",
    "one whose loader changes the source": """\
class Loader(SourceFileLoader):
    def source_to_code(self, data, path, *, _optimization=-1):
        return super().source_to_code(data + b"print('changed')", path)
sys.path_hooks.insert(0, FileFinder.path_hook((Loader, [".py"])))
sys.path_importer_cache.clear()
""",
}


@pytest.mark.parametrize("kind", FINDERS)
def test_a_finder_that_the_run_installs(place: Place, kind: str) -> None:
    place.write("src/single.py", SOURCE)
    code = (
        "import sys\n"
        "from importlib.machinery import FileFinder, PathFinder, SourceFileLoader\n"
        f"{FINDERS[kind]}sys.path.insert(0, {str(place.checkout / 'src')!r})\nimport single\n"
    )
    output = place.python("-c", code, edited=("src/single.py",)).split()
    assert output[:2] == ["worktree", str(place.worktree / "src" / "single.py")]
    assert output[2:] == (["changed"] if "changes" in kind else [])


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


@pytest.mark.parametrize(
    "code",
    [
        "open('train.py', 'w').write('')",
        "os.close(os.open('train.py', os.O_WRONLY | os.O_CREAT))",
    ],
)
def test_a_file_that_is_written_is_not_listed(place: Place, code: str) -> None:
    place.python("-c", f"import os; {code}")
    assert place.trace.edited + place.trace.others == ()


def test_a_copy_of_the_edited_file_is_the_edited_file(place: Place, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "train.py"
    for top, listed in ((place.worktree, EDITED), (place.checkout, ())):
        copy.write_text((top / EDITED[0]).read_text())
        (place.run / "opened.tsv").unlink(missing_ok=True)
        place.python(str(copy))
        assert place.trace.edited == listed
    assert place.trace.others == (str(copy),)


def test_an_installed_copy_is_listed_although_it_is_compiled(place: Place) -> None:
    (place.site / "other").mkdir()
    (place.site / "other" / "train.py").write_text("")
    for _ in range(2):
        (place.run / "opened.tsv").unlink(missing_ok=True)
        place.python("-c", "import other.train")
        assert place.trace.others == (str(place.site / "other" / "train.py"),)


def test_events_of_other_programs_are_ignored(place: Place) -> None:
    code = "import sys; sys.audit('open'); sys.audit('open', 'train.py', 'r'); open(b'%s').read()"
    place.python("-c", code % (place.worktree / EDITED[0]))
    assert place.trace.edited == EDITED


def test_a_path_that_is_not_utf8_is_listed(tmp_path: Path) -> None:
    checkout = tmp_path / os.fsdecode(b"caf\xe9")
    worktree = checkout / ".autoresearch" / "t" / "worktrees" / "slot-0"
    worktree.mkdir(parents=True)
    (worktree / "train.py").write_text("")
    paths = WorktreePaths(checkout, worktree, {})
    variables = trace_settings(paths, tmp_path, ("train.py",), {})
    subprocess.run([sys.executable, worktree / "train.py"], env=variables, check=True)
    assert read_trace(tmp_path, paths, ("train.py",)).edited == ("train.py",)


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


def test_other_threads_see_the_directory_of_the_bytecode_all_the_time(place: Place) -> None:
    code = (
        "import importlib.util as u, json, sys\n"
        "def trace(*_):\n"
        "    seen.add(sys.pycache_prefix)\n"
        "    return trace\n"
        "seen = set()\n"
        "sys.settrace(trace)\n"
        "u.cache_from_source(json.__file__)\n"
        "sys.settrace(None)\n"
        "print(seen)"
    )
    prefix = f"{place.run}/compiled"
    assert place.python("-c", code, PYTHONPYCACHEPREFIX=prefix) == f"{ {prefix} }\n"


def test_packages_of_an_environment_that_is_linked_stay_there(place: Place) -> None:
    (place.site / "installed.py").write_text("")
    output = place.python("-c", "import installed; print(installed.__file__)")
    assert output.strip() == str(place.site / "installed.py")


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
        ("{top}/my dir/train (1).py", "{there}/my dir/train (1).py"),
        ("--file={top}/my dir/train (1).py", "--file={there}/my dir/train (1).py"),
        (
            "cat '{top}/my dir/train (1).py' {top}/src",
            "cat '{there}/my dir/train (1).py' {there}/src",
        ),
        ("python {top}/src/tiny/train.py a b", "python {there}/src/tiny/train.py a b"),
        ("(cd {top}&&ls)", "(cd {there}&&ls)"),
        ("{top}+x/src", "{top}+x/src"),
        ("{top}@2", "{top}@2"),
        ("{top} 2/src", "{top} 2/src"),
        ("ls '{top} 2/src' {top}", "ls '{top} 2/src' {there}"),
    ],
)
def test_paths_are_translated_where_the_worktree_has_them(
    place: Place, before: str, after: str
) -> None:
    place.write("my dir/train (1).py", "")
    Path(f"{place.checkout} 2/src").mkdir(parents=True)
    names = {"top": str(place.checkout), "there": str(place.worktree)}
    assert place.paths.translate(before.format(**names)) == after.format(**names)


def test_a_home_directory_that_is_the_checkout_stays_so(place: Place) -> None:
    top = str(place.checkout)
    found = place.paths.translate_variables({"HOME": top, "ROOT": top})
    assert found == {"HOME": top, "ROOT": str(place.worktree)}


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
