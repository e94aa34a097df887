"""Fetching shards, from a real HTTP server on loopback that fails as real ones do."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import constants
import prepare
import pytest
import shards

SOURCE = shards.Source("someone/texts", "data", r"train-.*\.parquet", r"val-.*\.parquet", 2, "")


class Hub(ThreadingHTTPServer):
    """Speaks as much of the hub's protocol as is used; faults are asked for by file name."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[str]] = {}
        self.tell_checksums = True
        self.requests: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def downloads(self) -> list[tuple[str, str | None]]:
        """(file name, Range) of each request for a file."""
        return [(p.rsplit("/", 1)[1], r) for p, r in self.requests if "/resolve/main/" in p]


class HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range")))
        split = urlsplit(self.path)
        if re.fullmatch(r"/api/datasets/\w+/\w+/tree/main/data", split.path):
            self.listing(int(parse_qs(split.query).get("cursor", ["0"])[0]))
        elif found := re.fullmatch(r"/datasets/\w+/\w+/resolve/main/data/(.+)", split.path):
            self.file(found[1])
        else:
            self.send_error(404)

    def listing(self, first: int, page: int = 2) -> None:
        entries = [{"type": "directory", "path": "data/more", "size": 0, "oid": "x"}]
        for name, content in sorted(self.server.files.items()):
            lfs = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
            entry = {"type": "file", "path": f"data/{name}", "size": len(content), "oid": "git"}
            entries.append(entry | ({"lfs": lfs} if self.server.tell_checksums else {}))
        body = json.dumps(entries[first : first + page]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if first + page < len(entries):
            following = f"{self.server.url}{urlsplit(self.path).path}?cursor={first + page}"
            self.send_header("Link", f'<{following}>; rel="next"')
        self.end_headers()
        self.wfile.write(body)

    def file(self, name: str) -> None:
        content = self.server.files.get(name)
        faults = self.server.faults.get(name, [])
        fault = faults.pop(0) if faults else ""
        if content is None:
            self.send_error(404)
        elif fault.isdigit():
            self.send_error(int(fault))
        else:
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            start = int(asked[1]) if asked and fault != "no ranges" else 0
            body = content[start:]
            self.send_response(206 if asked and fault != "no ranges" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault == "corrupt":
                body = b"!" + body[1:]
            self.wfile.write(body[: len(body) // 2] if fault == "truncate" else body)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A running hub with three training shards and a validation shard."""
    monkeypatch.setattr(shards, "RETRY_SECONDS", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Hub()
    for name in ("train-0.parquet", "train-1.parquet", "train-2.parquet", "val-0.parquet"):
        server.files[name] = hashlib.sha256(name.encode()).digest() * 5000
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(hub: Hub, folder: Path, count: int = 2) -> tuple[list[Path], Path | None]:
    return shards.fetch_source(SOURCE, count, folder, hub.url)


def test_the_first_shards_and_the_validation_shard_arrive(hub: Hub, tmp_path: Path) -> None:
    """The listing has several pages; the third shard is not asked for."""
    train, val = fetch(hub, tmp_path)
    assert [path.name for path in train] == ["train-0.parquet", "train-1.parquet"]
    assert val is not None
    for path in (*train, val):
        assert path.read_bytes() == hub.files[path.name]
    assert "train-2.parquet" not in {name for name, _ in hub.downloads()}
    assert not list(tmp_path.glob("*.part"))


def test_what_is_there_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    """A second time costs a listing only, and one more shard only itself."""
    fetch(hub, tmp_path)
    hub.requests.clear()
    fetch(hub, tmp_path)
    assert hub.downloads() == []
    fetch(hub, tmp_path, count=-1)
    assert hub.downloads() == [("train-2.parquet", None)]


def test_errors_of_the_server_are_retried(hub: Hub, tmp_path: Path) -> None:
    """Overload and failure pass."""
    hub.faults["train-0.parquet"] = ["503", "429", "500"]
    train, _ = fetch(hub, tmp_path)
    assert train[0].read_bytes() == hub.files["train-0.parquet"]
    assert len([name for name, _ in hub.downloads() if name == "train-0.parquet"]) == 4


def test_a_broken_connection_resumes_where_it_ended(hub: Hub, tmp_path: Path) -> None:
    """The second request asks for the missing half only."""
    hub.faults["val-0.parquet"] = ["truncate"]
    _, val = fetch(hub, tmp_path)
    assert val is not None
    assert val.read_bytes() == hub.files["val-0.parquet"]
    size = len(hub.files["val-0.parquet"])
    ranges = [asked for name, asked in hub.downloads() if name == "val-0.parquet"]
    assert ranges == [None, f"bytes={size // 2}-"]


def test_an_interrupted_download_is_resumed_by_the_next_start(hub: Hub, tmp_path: Path) -> None:
    """The process was killed: only the partial file is left."""
    (tmp_path / "train-0.parquet.part").write_bytes(hub.files["train-0.parquet"][:1000])
    train, _ = fetch(hub, tmp_path)
    assert train[0].read_bytes() == hub.files["train-0.parquet"]
    assert ("train-0.parquet", "bytes=1000-") in hub.downloads()


def test_a_server_without_ranges_sends_all_again(hub: Hub, tmp_path: Path) -> None:
    """Appending its whole answer to the partial file would spoil it."""
    (tmp_path / "train-0.parquet.part").write_bytes(hub.files["train-0.parquet"][:1000])
    hub.faults["train-0.parquet"] = ["no ranges"]
    train, _ = fetch(hub, tmp_path)
    assert train[0].read_bytes() == hub.files["train-0.parquet"]
    assert [name for name, _ in hub.downloads()].count("train-0.parquet") == 1


def test_a_wrong_checksum_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    """A flipped byte in transit, and a partial file of something else."""
    hub.faults["train-0.parquet"] = ["corrupt"]
    (tmp_path / "train-1.parquet.part").write_bytes(b"of an older version")
    train, _ = fetch(hub, tmp_path)
    for path in train:
        assert path.read_bytes() == hub.files[path.name]


def test_a_shard_damaged_on_disk_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    """By the hub's checksum; by the one of the first download where the hub tells none."""
    for tells in (True, False):
        hub.tell_checksums = tells
        folder = tmp_path / str(tells)
        train, _ = fetch(hub, folder)
        content = train[1].read_bytes()
        train[1].write_bytes(b"!" + content[1:])
        hub.requests.clear()
        fetch(hub, folder)
        assert train[1].read_bytes() == content
        assert [name for name, _ in hub.downloads()] == ["train-1.parquet"]


def test_a_missing_file_is_told_at_once(hub: Hub, tmp_path: Path) -> None:
    """Not found stays not found: one request, and the address in the message."""
    hub.faults["train-0.parquet"] = ["404"]
    with pytest.raises(shards.DownloadError, match=r"train-0\.parquet.*404"):
        fetch(hub, tmp_path)
    assert [name for name, _ in hub.downloads()].count("train-0.parquet") == 1


def test_giving_up_leaves_the_part_for_the_next_time(hub: Hub, tmp_path: Path) -> None:
    """After the last attempt the error says why."""
    hub.faults["train-0.parquet"] = ["truncate"] + ["503"] * 20
    with pytest.raises(shards.DownloadError, match="503"):
        fetch(hub, tmp_path)
    assert (tmp_path / "train-0.parquet.part").stat().st_size > 0
    hub.faults.clear()
    train, _ = fetch(hub, tmp_path)
    assert train[0].read_bytes() == hub.files["train-0.parquet"]


def test_without_the_hub_what_is_here_serves(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest knows the shards; without it the error is told."""
    fetch(hub, tmp_path / "here")
    nowhere = "http://127.0.0.1:9"
    train, val = shards.fetch_source(SOURCE, 2, tmp_path / "here", nowhere)
    assert len(train) == 2
    assert val is not None
    with pytest.raises(shards.DownloadError):
        shards.fetch_source(SOURCE, 2, tmp_path / "empty", nowhere)


def test_the_command_prepares_a_source_from_the_hub(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line to rows of training, over real parquet shards with a fault each."""
    for module in ("rustbpe", "tiktoken"):
        pytest.importorskip(module)
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    hub.files.clear()
    for name in ("train-00000-of-00002-ab", "train-00001-of-00002-cd", "validation-00000-of-00001"):
        texts = [f"{name} {i}: once upon a time ☃ there was a fox" for i in range(300)]
        parquet.write_table(arrow.table({"text": texts}), tmp_path / "shard")
        hub.files[f"{name}.parquet"] = (tmp_path / "shard").read_bytes()
        hub.faults[f"{name}.parquet"] = ["truncate", "503", "corrupt"]
    for name, value in {"DATA_SOURCE": "stdlib", "DATA_SHARDS": 8, "VOCAB_SIZE": 8192}.items():
        monkeypatch.setattr(constants, name, value)
    command = ["prepare.py", "--source", "tinystories", "--num-shards", "1", "--vocab-size", "320"]
    monkeypatch.setattr("sys.argv", [*command, "--base-url", hub.url + "/"])
    prepare.main()
    told = capsys.readouterr().out
    assert 'DATA_SOURCE = "tinystories"' in told
    assert "DATA_SHARDS = 1" in told
    assert "VOCAB_SIZE = 320" in told
    assert not any(name.startswith("train-00001") for name, _ in hub.downloads())

    tokenizer = prepare.load_tokenizer()
    x, y, _ = next(prepare.make_dataloader(tokenizer, 2, constants.MAX_SEQ_LEN, "val"))
    assert (x[:, 0] == tokenizer.bos).all()
    assert (x[:, 1:] == y[:, :-1]).all()
    hub.requests.clear()
    prepare.main()
    assert hub.requests == []


def test_real_sources_find_their_files() -> None:
    """Names as the data sets have them."""
    listed = {
        "climbmix": [f"shard_{i:05d}.parquet" for i in (6542, 0, 1, 2, 10)],
        "fineweb-edu": ["sample/10BT/000_00000.parquet", "sample/10BT/001_00000.parquet"],
        "tinystories": [
            "data/train-00000-of-00004-2d5a1467fff1081b.parquet",
            "data/train-00001-of-00004-5852b56a2bd28fd9.parquet",
            "data/validation-00000-of-00001-869c898b519ad725.parquet",
        ],
    }
    expected = {
        "climbmix": (["shard_00000.parquet", "shard_00001.parquet"], "shard_06542.parquet"),
        "fineweb-edu": (["000_00000.parquet", "001_00000.parquet"], None),
        "tinystories": (
            [
                "train-00000-of-00004-2d5a1467fff1081b.parquet",
                "train-00001-of-00004-5852b56a2bd28fd9.parquet",
            ],
            "validation-00000-of-00001-869c898b519ad725.parquet",
        ),
    }
    for name, source in shards.SOURCES.items():
        files = [shards.RemoteFile(path, 1, None) for path in listed[name]]
        train, val = shards.choose(source, files, 2)
        assert ([file.name for file in train], val.name if val else None) == expected[name]
