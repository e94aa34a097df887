"""Changed data files are found by their status, and by their content where that is the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.store.input_files import (
    BLOCKS_CHECKED,
    InputFile,
    Manifest,
    add_files,
    compare,
    hash_whole,
    load_manifest,
    write_manifest,
)


def known(*paths: Path, directories: tuple[Path, ...] = ()) -> Manifest:
    manifest = add_files(Manifest(), map(str, paths))
    files = {path: hash_whole(file) for path, file in manifest.files.items()}
    return replace(manifest, files=files, directories={str(d): 0 for d in directories})


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "shard.bin"
    path.parent.mkdir()
    path.write_bytes(bytes(300_000))
    return path


def test_an_unchanged_file_is_no_change(shard: Path) -> None:
    manifest = known(shard)
    found = compare(manifest)
    assert (found.changes, found.manifest) == ((), manifest)


def test_a_change_within_a_file_of_the_same_size_and_time_is_found(shard: Path) -> None:
    manifest, status = known(shard), shard.stat()
    with shard.open("r+b") as file:
        file.seek(100_000)  # in none of the blocks that are compared
        file.write(b"x")
    os.utime(shard, ns=(status.st_atime_ns, status.st_mtime_ns))
    found = compare(manifest)
    assert found.changes == (f"{shard} has another content",)
    assert found.manifest.digest != manifest.digest
    assert compare(found.manifest).changes == ()


def test_the_same_content_in_a_new_file_is_no_change(shard: Path) -> None:
    manifest = known(shard)
    copy = shard.with_name("copy")
    copy.write_bytes(shard.read_bytes())
    copy.replace(shard)
    found = compare(manifest)
    assert found.changes == () and found.manifest.digest == manifest.digest
    assert found.manifest.files != manifest.files  # the new status is known


def test_blocks_are_compared_where_the_status_tells_nothing(shard: Path) -> None:
    manifest = known(shard)
    shard.write_bytes(b"x" + bytes(299_999))
    now = shard.stat()
    old = manifest.files[str(shard)]
    hidden = replace(old, mtime_ns=now.st_mtime_ns, ctime_ns=now.st_ctime_ns, inode=now.st_ino)
    found = compare(replace(manifest, files={str(shard): hidden}))
    assert found.changes == (f"{shard} has another content",)


def test_the_blocks_of_many_files_are_compared_in_turn(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n:03d}.bin" for n in range(2 * BLOCKS_CHECKED)]
    for path in paths:
        path.write_bytes(b"a")
    manifest = known(*paths)
    wrong = {p: replace(f, blocks="another") for p, f in manifest.files.items()}
    found = [compare(replace(manifest, files=wrong), turn).changes for turn in (1, 2)]
    assert [len(changes) for changes in found] == [BLOCKS_CHECKED] * 2
    assert not set(found[0]) & set(found[1])


def test_removed_new_and_grown_files_are_named(shard: Path) -> None:
    other = shard.with_name("other.bin")
    other.write_bytes(b"1")
    manifest = known(shard, other, directories=(shard.parent,))
    shard.unlink()
    other.write_bytes(b"22")
    new = shard.with_name("new.bin")
    new.write_bytes(b"3")
    shard.with_name(".hidden").write_bytes(b"4")
    found = compare(manifest)
    assert found.changes == (
        f"{shard} is gone",
        f"{other} has another content, 1 → 2 bytes",
        f"{new} is new",
    )
    assert found.added_to == (str(shard.parent),)
    assert compare(found.manifest).changes == ()


def test_a_link_that_leads_to_another_file_is_a_change(shard: Path) -> None:
    link = shard.with_name("link.bin")
    link.symlink_to(shard)
    manifest = known(link)
    other = shard.with_name("other.bin")
    other.write_bytes(b"other")
    link.unlink()
    link.symlink_to(other)
    assert len(compare(manifest).changes) == 1


def test_a_manifest_survives_its_file(tmp_path: Path, shard: Path) -> None:
    manifest = replace(known(shard), packages={"torch": "2.4.0"})
    write_manifest(tmp_path / "t" / "inputs.json", manifest)
    assert load_manifest(tmp_path / "t" / "inputs.json") == manifest
    (tmp_path / "t" / "inputs.json").write_text("{")
    assert load_manifest(tmp_path / "t" / "inputs.json") is None


def test_the_digest_depends_on_contents_and_versions() -> None:
    file = InputFile("/d/a", 1, 2, 3, 4, "b", "c")
    manifest = Manifest(files={"/d/a": file}, packages={"torch": "2.4.0"})
    touched = replace(manifest, files={"/d/a": replace(file, mtime_ns=9, inode=9)})
    assert touched.digest == manifest.digest
    changed = replace(manifest, files={"/d/a": replace(file, digest="d")})
    assert changed.digest != manifest.digest
    assert replace(manifest, packages={"torch": "2.5.0"}).digest != manifest.digest
    assert Manifest().digest == ""
