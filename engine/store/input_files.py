"""Hashes the data files of a session, and finds at little cost which of them have changed.

A file whose size, times and inode are as before has not changed: the change time (ctime) cannot be
set, so that a change with the old modification time is found too. A file whose status differs is
read in full. Blocks of some unchanged files are compared at each check, in turn, because some file
systems keep no trustworthy times.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from engine.core.input_rules import is_data
from engine.store.durable import write_durably
from engine.untrusted_files import open_regular, read_regular

BLOCK_BYTES = 1 << 16
BLOCKS_CHECKED = 64
"""The number of unchanged files of which blocks are read at one check."""
_READ_BYTES = 1 << 22
MOST_LISTED = 200_000
"""The most files of one directory that are watched."""
_MOST_MANIFEST_BYTES = 1 << 28


class InputFile(msgspec.Struct, frozen=True, array_like=True):
    """One data file as it was when it was last read; a link stands for the file it leads to."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    blocks: str
    """A hash of the size and of the first, the middle and the last block."""
    digest: str = ""
    """The SHA-256 of the whole content; empty where it was not read in full yet."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All data of a session that determines the metric, and the packages that its runs import."""

    files: dict[str, InputFile] = {}
    """By path."""
    directories: dict[str, int] = {}
    """Listed directories, all files of which count; with how often a run added a file there."""
    packages: dict[str, str] = {}
    """Versions of the imported packages, by name."""
    places: tuple[str, ...] = ()
    """The paths of the imported packages, below a `site-packages` directory."""
    learnt: tuple[str, ...] = ()
    """Directories of the runs whose lists of inputs are part of it."""
    is_whole: bool = True
    """False where a run opened more files than it listed."""
    is_python: bool = False
    """Whether the Python of a run listed what it opened."""

    @property
    def digest(self) -> str:
        """A hash of all paths and contents; "" without files and packages."""
        if not self.files and not self.packages:
            return ""
        found = hashlib.sha256()
        for path, file in sorted(self.files.items()):
            found.update(f"{path}\0{file.digest or file.blocks}\n".encode("utf-8", "replace"))
        for name, version in sorted(self.packages.items()):
            found.update(f"{name}=={version}\n".encode("utf-8", "replace"))
        return found.hexdigest()

    @property
    def total_bytes(self) -> int:
        """The size of all files together."""
        return sum(file.size for file in self.files.values())


def read_file(path: str) -> InputFile | None:
    """Return a file's status and the hash of its blocks; None where it is not a readable file."""
    try:
        with os.fdopen(open_regular(Path(path), follow=True), "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            blocks = hashlib.sha256(str(status.st_size).encode())
            last = max(0, status.st_size - BLOCK_BYTES)
            for offset in dict.fromkeys((0, last // 2, last)):
                blocks.update(os.pread(file.fileno(), BLOCK_BYTES, offset))
    except (OSError, ValueError):
        return None
    return InputFile(
        path,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        blocks.hexdigest(),
    )


def hash_whole(file: InputFile, stop: threading.Event | None = None) -> InputFile:
    """Return a file with the SHA-256 of its content; as it was where it changes or is gone.

    Args:
        file: The file.
        stop: Breaks the work off once it is set.
    """
    digest = hashlib.sha256()
    try:
        with os.fdopen(open_regular(Path(file.path), follow=True), "rb", buffering=0) as opened:
            if _status(os.fstat(opened.fileno())) != _status_of(file):
                return file
            while content := opened.read(_READ_BYTES):
                digest.update(content)
                if stop is not None and stop.is_set():
                    return file
            if _status(os.fstat(opened.fileno())) != _status_of(file):
                return file
    except (OSError, ValueError):
        return file
    return replace(file, digest=digest.hexdigest())


def list_files(directory: str) -> Iterator[str]:
    """Yield the paths of the regular files of a directory that can be data, without those below."""
    try:
        with os.scandir(directory) as entries:
            for count, entry in enumerate(entries):
                if count >= MOST_LISTED:
                    return
                if is_data(entry.path) and entry.is_file():
                    yield entry.path
    except OSError:
        return


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The data as it is now, and what is different from how it was."""

    manifest: Manifest
    changes: tuple[str, ...] = ()
    """A phrase for each changed file: its path, and how it changed."""
    added_to: tuple[str, ...] = ()
    """Watched directories with new files."""


def compare(before: Manifest, turn: int = 0) -> Comparison:
    """Compare all data files with how they were, reading only those whose status differs.

    Args:
        before: The data as it was.
        turn: The number of the check, which chooses the files whose blocks are compared.
    """
    files = dict(before.files)
    changes: list[str] = []
    sampled = _in_turn(list(files), turn)
    for path, old in before.files.items():
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            changes.append(f"{path} is gone")
            del files[path]
            continue
        if _status(status) == _status_of(old) and path not in sampled:
            continue
        now = read_file(path)
        if now is None:
            changes.append(f"{path} cannot be read")
            del files[path]
            continue
        if _status_of(now) != _status_of(old) or now.blocks != old.blocks:
            now = hash_whole(now)
            same = now.blocks == old.blocks and (now.digest == old.digest if old.digest else False)
            files[path] = now
            if not same:
                grown = "" if now.size == old.size else f", {old.size:,} → {now.size:,} bytes"
                changes.append(f"{path} has another content{grown}")
    added: dict[str, None] = {}
    for directory in before.directories:
        for path in list_files(directory):
            if path not in files and (found := read_file(path)) is not None:
                files[path] = hash_whole(found)
                changes.append(f"{path} is new")
                added[directory] = None
    return Comparison(
        manifest=replace(before, files=files), changes=tuple(changes), added_to=tuple(added)
    )


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest, synced, in place of an earlier one.

    Raises:
        OSError: The disk is full or read-only.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, msgspec.json.encode(manifest))


def load_manifest(path: Path) -> Manifest | None:
    """Return the manifest of a file; None where there is none, or a damaged one."""
    try:
        return msgspec.json.decode(read_regular(path, _MOST_MANIFEST_BYTES), type=Manifest)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None


def add_files(manifest: Manifest, paths: Iterable[str]) -> Manifest:
    """Return a manifest with more files, which are not read in full yet."""
    found = (read_file(path) for path in dict.fromkeys(paths) if path not in manifest.files)
    return replace(manifest, files=manifest.files | {f.path: f for f in found if f is not None})


def _in_turn(paths: Sequence[str], turn: int) -> set[str]:
    """Return the paths whose blocks are compared at a check: all of a few, else some in turn."""
    if len(paths) <= BLOCKS_CHECKED:
        return set(paths)
    first = turn * BLOCKS_CHECKED % len(paths)
    return {paths[(first + n) % len(paths)] for n in range(BLOCKS_CHECKED)}


def _status(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _status_of(file: InputFile) -> tuple[int, ...]:
    return file.size, file.mtime_ns, file.ctime_ns, file.inode
