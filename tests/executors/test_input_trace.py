"""The Python processes of a run list the files, directories and packages that they read."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from engine.executors.input_trace import InputTrace, read_inputs
from engine.executors.package_versions import package_versions
from tests.executors.test_edit_trace import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def trace_of(place: Place, source: str) -> InputTrace:
    place.python("-c", source)
    return read_inputs(place.run)


def test_files_that_are_read_are_listed_once(place: Place, tmp_path: Path) -> None:
    data = tmp_path / "data.bin"
    data.write_bytes(b"x")
    (place.worktree / "own.txt").write_text("x")
    read = f"open({str(data)!r}, 'rb').close()\n"
    trace = trace_of(place, f"import os\n{read}{read}open('own.txt').close()\nopen(b'own.txt')")
    own = str(place.worktree / "own.txt")
    assert [p for p in trace.read if p in (own, str(data))] == [str(data), own]
    assert trace.is_whole


def test_files_that_the_run_writes_are_told_apart(place: Place, tmp_path: Path) -> None:
    data, new, moved = (tmp_path / name for name in ("both.bin", "new.txt", "moved.txt"))
    data.write_bytes(b"x")
    source = f"""
import os
open({str(data)!r}, "r+b").close()
open({str(new)!r}, "w").close()
open({str(new)!r}).close()
os.replace({str(new)!r}, {str(moved)!r})
"""
    trace = trace_of(place, source)
    assert str(data) in trace.read and str(data) not in trace.wrote
    assert {str(new), str(moved)} <= trace.wrote


def test_listed_directories_are_noted_and_those_of_modules_are_not(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "shards").mkdir()
    (place.site / "loader.py").write_text("")
    trace = trace_of(place, f"import os, loader\nos.listdir({str(tmp_path / 'shards')!r})")
    assert trace.listed == (str(tmp_path / "shards"),)


def test_the_packages_that_are_imported_are_noted(place: Place) -> None:
    (place.site / "loader").mkdir()
    (place.site / "loader" / "__init__.py").write_text("")
    (place.site / "single.py").write_text("")
    (place.site / "unused.py").write_text("")
    trace = trace_of(place, "import loader, single")
    assert set(trace.packages) >= {str(place.site / "loader"), str(place.site / "single.py")}
    assert not [p for p in trace.packages if "unused" in p]
    assert not [p for p in trace.read if "site-packages" in p]


def test_processes_that_a_run_forks_add_to_the_list(place: Place, tmp_path: Path) -> None:
    data = tmp_path / "late.bin"
    data.write_bytes(b"x")
    source = f"""
import os
open("/dev/null").close()
if os.fork() == 0:
    os.closerange(3, 100)
    open({str(data)!r}, "rb")
    os._exit(0)
os.wait()
"""
    assert str(data) in trace_of(place, source).read


def test_a_program_that_reuses_the_list_s_descriptor_is_not_written_to(
    place: Place, tmp_path: Path
) -> None:
    data, out = tmp_path / "data.bin", tmp_path / "out.bin"
    data.write_bytes(b"x")
    source = f"""
import os
open({str(data)!r}).close()
os.closerange(3, 100)
mine = [os.open({str(out)!r}, os.O_WRONLY | os.O_CREAT) for _ in range(9)]
open({str(tmp_path / "another.bin")!r}, "a").close()
"""
    trace = trace_of(place, source)
    assert out.read_bytes() == b""
    assert str(tmp_path / "another.bin") in trace.wrote


def test_a_damaged_list_says_nothing(tmp_path: Path) -> None:
    assert read_inputs(tmp_path) == InputTrace()
    (tmp_path / "inputs.tsv").write_bytes(b"read\t/a\xff\nfull\t\nnonsense\nread\t/b\0c\n")
    trace = read_inputs(tmp_path)
    assert trace.read == ("/a\udcff",) and not trace.is_whole


def test_the_versions_of_imported_packages_are_found(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    for name, version, record in (
        ("Torch_Tiny", "2.3.0", "torch_tiny/__init__.py,,\ntorch_tiny/a.py,,\n"),
        ("single", "1.0", "single.py,,\n"),
        ("unused", "9", "unused/__init__.py,,\n"),
    ):
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "RECORD").write_text(record)
    places = [f"{site}/torch_tiny", f"{site}/single.py", f"{site}/nothing", "/nowhere/x"]
    assert package_versions(places) == {"torch_tiny": "2.3.0", "single": "1.0"}
    (site / "Torch_Tiny-2.3.0.dist-info").rename(site / "Torch_Tiny-2.4.0.dist-info")
    metadata = site / "Torch_Tiny-2.4.0.dist-info" / "METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: Torch_Tiny\nVersion: 2.4.0\n")
    assert package_versions(places)["torch_tiny"] == "2.4.0"


def test_the_versions_of_this_environment_are_found() -> None:
    site = sysconfig.get_path("purelib")
    assert package_versions([f"{site}/msgspec"]).keys() == {"msgspec"}
