"""Parquet shards from the Hugging Face hub: which there are, fetching them whole, reading them.

Part of the locked half; used by `prepare.py` alone, when data is prepared, never in training.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

HUB = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
ATTEMPTS = 6  # per file; a resumed one starts where it broke off
RETRY_SECONDS = 1.0  # pause before the second attempt, doubled each time
TIMEOUT_SECONDS = 30.0  # of silence on the connection
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Source:
    """A data set on the hub and which of its files are for what."""

    repo: str
    folder: str
    train: str
    """Pattern of the names of training shards."""
    val: str | None
    """Pattern of the validation shard's name; None: 1 % of the first shard's documents."""
    default_shards: int
    about: str


SOURCES: dict[str, Source] = {
    "climbmix": Source(
        "karpathy/climbmix-400b-shuffle", "", r"shard_\d+\.parquet", r"shard_06542\.parquet", 8,
        "web text, shuffled; 0.1 GB a shard; what nanochat trains on",
    ),
    "fineweb-edu": Source(
        "HuggingFaceFW/fineweb-edu", "sample/10BT", r"\d+_\d+\.parquet", None, 1,
        "educational web text, 10 billion tokens; 2 GB a shard",
    ),
    "tinystories": Source(
        "roneneldan/TinyStories", "data", r"train-.*\.parquet", r"validation-.*\.parquet", 4,
        "short simple stories, 1 GB in all; small models learn it",
    ),
}  # fmt: skip


class DownloadError(Exception):
    """A shard could not be had; the message says which and why."""


class ServerError(OSError):
    """The server answered with an error."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the server says {code} {reason}")
        self.code = code


@dataclass(frozen=True)
class RemoteFile:
    """A file of a data set as the hub describes it."""

    path: str
    size: int | None
    sha256: str | None

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


def optional_import(name: str) -> Any:
    """A package only the parquet sources need; ends with how to install it when it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        sys.exit(
            f"{name} is not installed, and this data source needs it. "
            "Run: pip install pyarrow rustbpe tiktoken"
        )


# ---------------------------------------------------------------------------
# Which files there are
# ---------------------------------------------------------------------------


def list_files(source: Source, base_url: str) -> list[RemoteFile]:
    """All files in the source's folder, page by page, with the checksums the hub keeps."""
    folder = urllib.parse.quote(source.folder)
    url = f"{base_url}/api/datasets/{source.repo}/tree/main/{folder}".rstrip("/")
    files: list[RemoteFile] = []
    while url:
        body, headers = get_with_retries(url)
        for entry in json.loads(body):
            if entry.get("type") == "file":
                lfs = entry.get("lfs") or {}
                files.append(RemoteFile(entry["path"], entry.get("size"), lfs.get("oid")))
        following = re.search(r'<([^>]+)>;\s*rel="next"', headers.get("Link") or "")
        url = following[1] if following else ""
    return files


def choose(
    source: Source, files: list[RemoteFile], count: int
) -> tuple[list[RemoteFile], RemoteFile | None]:
    """(the first `count` training shards, the validation shard if the source has one)."""
    ordered = sorted(files, key=lambda file: file.path)
    val = [f for f in ordered if source.val and re.fullmatch(source.val, f.name)]
    train = [f for f in ordered if re.fullmatch(source.train, f.name) and f not in val]
    if source.val and not val:
        raise DownloadError(f"{source.repo} has no validation shard {source.val}")
    if not train:
        raise DownloadError(f"{source.repo} has no training shard {source.train}")
    return train[: count if count > 0 else None], val[0] if val else None


# ---------------------------------------------------------------------------
# Fetching
# ---------------------------------------------------------------------------


def request(url: str, offset: int = 0) -> http.client.HTTPResponse:
    """Opens a URL, from a byte offset on if the server can."""
    headers = {"User-Agent": "autoresearch-prepare", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    asked = urllib.request.Request(url, headers=headers)
    if token := os.environ.get("HF_TOKEN"):
        # Unredirected: the hub sends large files from another host, which must not see it.
        asked.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(asked, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        with error:  # it holds the connection
            raise ServerError(error.code, error.reason) from None
    return response


def is_final(error: Exception) -> bool:
    """Whether trying again is pointless."""
    code = error.code if isinstance(error, ServerError) else 0
    return 400 <= code < 500 and code not in (408, 416, 429)


def attempts(what: str) -> Iterator[int]:
    """Numbers the attempts and pauses between them, ever longer."""
    for attempt in range(ATTEMPTS):
        if attempt:
            pause = min(60.0, RETRY_SECONDS * 2 ** (attempt - 1))
            print(f"  {what}: again in {pause:g}s (attempt {attempt + 1} of {ATTEMPTS})")
            time.sleep(pause)
        yield attempt


def get_with_retries(url: str) -> tuple[bytes, http.client.HTTPMessage]:
    """Body and headers of a small document."""
    problem: Exception | None = None
    for _ in attempts(url):
        try:
            with request(url) as response:
                return response.read(), response.headers
        except (OSError, http.client.HTTPException) as error:
            problem = error
            if is_final(error):
                break
    raise DownloadError(f"{url}: {problem}")


def fetch(url: str, target: Path, file: RemoteFile) -> str:
    """Downloads a file whole, resuming and retrying; returns its SHA-256, checked if known.

    What arrived so far lies in `.part`, so an interrupted download goes on where it was.
    """
    part = target.with_name(target.name + ".part")
    problem: Exception | None = None
    for _ in attempts(file.name):
        try:
            append_rest(url, part, file.size)
            digest = sha256_of(part)
            if file.sha256 and digest != file.sha256:
                part.unlink()  # nothing tells which byte is wrong: all of it again
                raise OSError("checksum differs")
            part.replace(target)
            return digest
        except (OSError, http.client.HTTPException) as error:
            problem = error
            print(f"  {file.name}: {error}")
            if is_final(error):
                break
    raise DownloadError(f"{url}: {problem}")


def append_rest(url: str, part: Path, size: int | None) -> None:
    """Adds to a partial file what is missing of it; raises OSError if it stays incomplete."""
    have = part.stat().st_size if part.exists() else 0
    if size is not None and have > size:
        part.unlink()
        have = 0
    if have and have == size:
        return
    try:
        response = request(url, have)
    except ServerError as error:
        if error.code == 416:  # it has no bytes after ours: ours are not its beginning
            part.unlink(missing_ok=True)
        raise
    with response:
        resumed = have > 0 and response.status == 206
        length = response.headers.get("Content-Length")
        expected = size
        if expected is None and length is not None:
            expected = int(length) + (have if resumed else 0)
        with part.open("ab" if resumed else "wb") as out:
            while chunk := response.read(CHUNK_BYTES):
                out.write(chunk)
    got = part.stat().st_size
    if expected is not None and got != expected:
        raise OSError(f"connection ended after {got} of {expected} bytes")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_source(
    source: Source, count: int, folder: Path, base_url: str = HUB, workers: int = 4
) -> tuple[list[Path], Path | None]:
    """(training shards, validation shard) of a source on disk, all verified.

    `manifest.json` records sizes and checksums: the hub's, or where it gives none those of the
    first download. Shards that still match are not fetched again; without a network it is enough.
    """
    folder.mkdir(parents=True, exist_ok=True)
    manifest_path = folder / "manifest.json"
    known: dict[str, RemoteFile] = {}
    if manifest_path.exists():
        entries = json.loads(manifest_path.read_text("utf-8"))
        known = {entry["path"]: RemoteFile(**entry) for entry in entries}
    try:
        files = list_files(source, base_url)
    except DownloadError as error:
        if not known:
            raise
        print(f"The hub is out of reach ({error}); using what is here")
        files = list(known.values())
    train, val = choose(source, files, count)

    def ensure(file: RemoteFile) -> RemoteFile:
        target = folder / file.name
        if file.sha256 is None and file.path in known:
            file = replace(file, sha256=known[file.path].sha256)
        if target.exists():
            if file.sha256 is not None and sha256_of(target) == file.sha256:
                return file
            print(f"  {file.name}: does not match its checksum, fetching it again")
            target.unlink()
        url = f"{base_url}/datasets/{source.repo}/resolve/main/{urllib.parse.quote(file.path)}"
        digest = fetch(url, target, file)
        print(f"  {file.name}: {target.stat().st_size / 1e6:.1f} MB")
        return replace(file, sha256=digest)

    wanted = [*train, *([val] if val else [])]
    with ThreadPoolExecutor(workers) as pool:
        for file in pool.map(ensure, wanted):
            known[file.path] = file
            rows = json.dumps([asdict(entry) for entry in known.values()], indent=1)
            manifest_new = manifest_path.with_suffix(".new")
            manifest_new.write_text(rows, "utf-8")
            manifest_new.replace(manifest_path)
    return [folder / file.name for file in train], folder / val.name if val else None


# ---------------------------------------------------------------------------
# Reading
# ---------------------------------------------------------------------------


def documents(path: Path, batch: int = 1024) -> Iterator[list[str]]:
    """The texts of a shard, in lists of at most `batch`; empty ones are left out."""
    parquet = optional_import("pyarrow.parquet")
    with parquet.ParquetFile(path) as file:
        for rows in file.iter_batches(batch_size=batch, columns=["text"]):
            yield [text for text in rows.column(0).to_pylist() if text]
