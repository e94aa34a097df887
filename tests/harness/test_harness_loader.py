"""Rows of training and validation, from files and from parquet shards."""

from __future__ import annotations

import itertools
from pathlib import Path

import constants
import numpy as np
import prepare
import pytest
import shards
import torch

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def write_shard(path: Path, texts: list[str]) -> None:
    """A parquet file as the hub's: a text column among others, in several row groups."""
    table = pa.table({"id": list(range(len(texts))), "text": texts})
    pq.write_table(table, path, row_group_size=50)


def stories(count: int, tag: str) -> list[str]:
    """Distinct short documents with some multi-byte text."""
    return [f"{tag} {i}: a fox and a bear went für a walk ☃ " * (1 + i % 7) for i in range(count)]


def test_stream_rows_visit_every_token_once_an_epoch() -> None:
    """Validation: consecutive windows, targets shifted by one."""
    data = prepare.byte_split([bytes(range(100)), bytes(range(100, 200))])
    rows = list(itertools.islice(prepare.stream_rows(data, 10, shuffle=False), 20))
    assert [epoch for _, epoch in rows] == [1] * 20
    assert np.concatenate([row[1:] for row, _ in rows]).tolist() == data.tokens[1:201].tolist()


def test_training_rows_are_shuffled_but_always_the_same() -> None:
    """The order is fixed by prepare.py; epochs differ from each other."""
    data = prepare.byte_split([bytes(range(256)) * 4])

    def draw() -> list[list[int]]:
        rows = prepare.stream_rows(data, 16, shuffle=True)
        return [row.tolist() for row, _ in itertools.islice(rows, 150)]

    first = draw()
    assert draw() == first
    assert first[:64] != first[64:128]
    assert first[:10] != sorted(first[:10])


def test_packed_rows_begin_with_a_document_and_have_no_padding() -> None:
    """Best fit; every piece in a row is the head of a document."""
    texts = [bytes([65 + i % 26]) * (5 + i % 40) for i in range(300)]
    data = prepare.byte_split(texts)
    rows = [row for row, _ in itertools.islice(prepare.packed_rows(data, 63), 200)]
    for row in rows:
        assert len(row) == 64
        assert row[0] == 256
        pieces = np.split(row, np.flatnonzero(row == 256))[1:]
        for piece in pieces:
            content = bytes(piece[1:].tolist())
            assert any(text.startswith(content) for text in texts)


def test_packing_uses_whole_documents_mostly() -> None:
    """Cropping loses tokens; best fit keeps the loss small."""
    texts = [bytes([65 + i % 26]) * (5 + (i * 7) % 40) for i in range(2000)]
    data = prepare.byte_split(texts)
    lengths = {len(text) for text in texts}
    first, _ = next(prepare.packed_rows(data, 255))
    assert np.flatnonzero(first == 256)[1] == 1 + max(lengths)  # an empty row: the longest
    pieces = whole = 0
    for row, _ in itertools.islice(prepare.packed_rows(data, 255), 100):
        for piece in np.split(row, np.flatnonzero(row == 256))[1:]:
            pieces += 1
            whole += len(piece) - 1 in lengths and len(piece) > 1
    assert whole / pieces > 0.9


def test_a_batch_is_inputs_and_the_tokens_after_them() -> None:
    """Shapes, types and the shift."""
    tokenizer = prepare.load_tokenizer()
    x, y, epoch = next(prepare.make_dataloader(tokenizer, 3, 32, "train"))
    assert x.shape == y.shape == (3, 32)
    assert x.dtype == y.dtype == torch.int64
    assert torch.equal(x[:, 1:], y[:, :-1])
    assert epoch == 1
    with pytest.raises(ValueError, match="split must be"):
        next(prepare.make_dataloader(tokenizer, 3, 32, "test"))


def test_documents_of_a_shard(tmp_path: Path) -> None:
    """All texts in order, in bounded lists, empty ones left out."""
    texts = stories(120, "t")
    write_shard(tmp_path / "s.parquet", [*texts, "", "last"])
    batches = list(shards.documents(tmp_path / "s.parquet", batch=32))
    assert max(len(batch) for batch in batches) <= 32
    assert [text for batch in batches for text in batch] == [*texts, "last"]


def prepare_from(
    monkeypatch: pytest.MonkeyPatch, source: str, train: list[Path], val: Path | None
) -> prepare.Data:
    """Builds a parquet source from shards on disk and loads it as training does."""
    monkeypatch.setattr(shards, "fetch_source", lambda *_: (train, val))
    for name, value in {
        "DATA_SOURCE": source,
        "DATA_SHARDS": len(train),
        "VOCAB_SIZE": 400,
    }.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(prepare, "MAX_SEQ_LEN", 64)
    prepare.prepare(source, "", force=False)
    return prepare.load_data()


def texts_of(data: prepare.Split, tokenizer: prepare.Tokenizer) -> list[str]:
    """The documents of a split, decoded."""
    ends = [*data.starts[1:].tolist(), len(data.tokens)]
    spans = zip(data.starts.tolist(), ends, strict=True)
    return [tokenizer.decode(data.tokens[a:b].tolist()) for a, b in spans]


def test_parquet_source_with_a_validation_shard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    """Every document arrives, tokens give back the text, and copies are not trained on."""
    pytest.importorskip("rustbpe")
    pytest.importorskip("tiktoken")
    train, val = stories(400, "train"), stories(60, "val")
    write_shard(tmp_path / "a.parquet", train[:200])
    write_shard(tmp_path / "b.parquet", [*train[200:], val[3]])
    write_shard(tmp_path / "v.parquet", val)
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    data = prepare_from(monkeypatch, "tinystories", paths, tmp_path / "v.parquet")
    (stored,) = (cache / "data").iterdir()
    tokenizer = prepare.Tokenizer.load(stored / "tokenizer.txt")
    assert texts_of(data.train, tokenizer) == train
    assert texts_of(data.val, tokenizer) == val
    assert data.token_bytes == tokenizer.token_bytes
    assert 300 < prepare.load_tokenizer().vocab_size == tokenizer.vocab_size <= 400
    counted = sum(data.token_bytes[token] for token in data.val.tokens.tolist())
    assert counted == sum(len(text.encode("utf-8")) for text in val)
    x, y, _ = next(prepare.make_dataloader(prepare.load_tokenizer(), 4, 64, "train"))
    assert (x[:, 0] == data.bos).all()
    assert torch.equal(x[:, 1:], y[:, :-1])


def test_parquet_source_without_a_validation_shard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    """1 % of the documents by hash: of the first shard, and in training from no shard."""
    pytest.importorskip("rustbpe")
    pytest.importorskip("tiktoken")
    texts = stories(4000, "text")
    write_shard(tmp_path / "a.parquet", texts[:2500])
    write_shard(tmp_path / "b.parquet", texts[2500:])
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    data = prepare_from(monkeypatch, "fineweb-edu", paths, None)
    (stored,) = (cache / "data").iterdir()
    tokenizer = prepare.Tokenizer.load(stored / "tokenizer.txt")
    train, val = texts_of(data.train, tokenizer), texts_of(data.val, tokenizer)
    held_out = [text for text in texts if prepare.is_held_out(text)]
    assert val == [text for text in texts[:2500] if prepare.is_held_out(text)]
    assert 10 < len(val) < 50
    assert train == [text for text in texts if text not in held_out]
