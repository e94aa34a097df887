"""The locked half of an experiment: data, tokenizer, loader and the metric.

Nothing needs preparing for the default data, the source text of this machine's Python standard
library. For another source, prepare it once and let this script set it in `constants.py`:

    python prepare.py --source tinystories --write
    python prepare.py --source files --glob '~/texts/**/*.txt' --write

Every source ends as two arrays of tokens, `train.bin` and `val.bin`, in `~/.cache/autoresearch`
(or where AUTORESEARCH_CACHE says). Training maps them into memory, so it starts at once.
"""

from __future__ import annotations

import argparse
import base64
import bisect
import glob
import hashlib
import json
import math
import os
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

import constants
import shards
from constants import EVAL_TOKENS, MAX_SEQ_LEN

Tokens = npt.NDArray[np.uint16]

# ---------------------------------------------------------------------------
# Fixed choices. Changing one makes new results incomparable with old ones, so all
# of them are part of the key under which prepared data is stored.
# ---------------------------------------------------------------------------

SPLIT_RULE = 1  # raise when the split or the encoding of documents changes
VAL_PERCENT = 10  # of the files
VAL_PERCENT_DOCUMENTS = 1  # of the first shard's documents, where a source has no validation shard
HELD_OUT_CHARACTERS = 150_000_000  # of validation text at most: 30 million tokens or so
TOKENIZER_CHARACTERS = 500_000_000  # of training text the vocabulary is learned from
TOKENIZER_DOCUMENT_CAP = 10_000  # characters of one document for the vocabulary
VAL_FILE_CAP = 16384  # bytes of one file in validation, lest a few long files be all of it
DATA_SEED = 1337  # order of the training data; an experiment cannot change it
PACKING_BUFFER = 1000  # documents to choose from when rows are packed
NOT_TEXT_OF_OURS = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}

# GPT-4's split pattern, but numbers in pairs of digits: a small vocabulary has no room for triples.
SPLIT_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)
NUM_SPECIAL = 8  # reserved ids; 256 + 8 is a multiple of 8, which bf16 tensor cores want


class DataNotFoundError(Exception):
    """The data of the chosen source is not on this machine; the message says how to get it."""


# ---------------------------------------------------------------------------
# Tokenizers
# ---------------------------------------------------------------------------


class Tokenizer:
    """Text to tokens and back. Training needs only `vocab_size`, `bos` and `token_bytes`."""

    def __init__(self, token_bytes: list[int], bos: int, encoding: Any = None) -> None:
        self.token_bytes = token_bytes
        """UTF-8 bytes each token stands for; 0 for special tokens, which the metric skips."""
        self.bos = bos
        self.encoding = encoding

    @classmethod
    def bytelevel(cls) -> Tokenizer:
        """One token per byte."""
        return cls([1] * 256 + [0] * NUM_SPECIAL, bos=256)

    @classmethod
    def train_bpe(cls, texts: Iterable[str], vocab_size: int) -> Tokenizer:
        """Learns a BPE vocabulary of `vocab_size` tokens, special ones included."""
        rustbpe = shards.optional_import("rustbpe")
        learner = rustbpe.Tokenizer()
        learner.train_from_iterator(texts, vocab_size - NUM_SPECIAL, pattern=SPLIT_PATTERN)
        return cls.from_ranks({bytes(token): rank for token, rank in learner.get_mergeable_ranks()})

    @classmethod
    def from_ranks(cls, ranks: dict[bytes, int]) -> Tokenizer:
        """A tokenizer from tiktoken's mergeable ranks, the reserved tokens after them."""
        tiktoken = shards.optional_import("tiktoken")
        special = {f"<|reserved_{i}|>": len(ranks) + i for i in range(NUM_SPECIAL)}
        encoding = tiktoken.Encoding(
            "autoresearch", pat_str=SPLIT_PATTERN, mergeable_ranks=ranks, special_tokens=special
        )
        # A token may hold part of a character, so its bytes are counted as bytes: decoding it to
        # text gives a replacement character of three bytes and a flattering metric.
        lengths = [len(encoding.decode_single_token_bytes(i)) for i in range(len(ranks))]
        return cls(lengths + [0] * NUM_SPECIAL, bos=len(ranks), encoding=encoding)

    @property
    def vocab_size(self) -> int:
        return len(self.token_bytes)

    def encode_documents(self, texts: list[str]) -> list[list[int]]:
        """The tokens of each text, a beginning-of-sequence token in front."""
        if self.encoding is None:
            return [[self.bos, *text.encode("utf-8")] for text in texts]
        threads = max(1, min(16, os.cpu_count() or 1))
        rows = self.encoding.encode_ordinary_batch(texts, num_threads=threads)
        return [[self.bos, *row] for row in rows]

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens; special ones are left out."""
        kept = [token for token in tokens if self.token_bytes[token]]
        if self.encoding is None:
            return bytes(kept).decode("utf-8", errors="replace")
        return str(self.encoding.decode(kept))

    def save(self, path: Path) -> None:
        """Writes a BPE vocabulary in tiktoken's own text format: `base64 rank` per line."""
        ranks = self.encoding._mergeable_ranks.items() if self.encoding else ()
        lines = [f"{base64.b64encode(token).decode()} {rank}" for token, rank in ranks]
        path.write_text("\n".join(lines), "utf-8")

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """What `save` wrote."""
        if not path.stat().st_size:
            return cls.bytelevel()
        pairs = (line.split() for line in path.read_text("utf-8").splitlines())
        return cls.from_ranks({base64.b64decode(token): int(rank) for token, rank in pairs})


# ---------------------------------------------------------------------------
# Data: every source becomes tokens on disk
# ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """Tokens of training or validation; each document begins with a BOS token."""

    tokens: Tokens
    starts: npt.NDArray[np.int64]
    """Where each document begins."""


@dataclass(frozen=True)
class Data:
    """What a run trains and is measured on."""

    train: Split
    val: Split
    token_bytes: list[int]
    bos: int
    pack_documents: bool
    """Rows begin at a document (short documents), or anywhere in the stream (long files)."""

    def split(self, name: str) -> Split:
        if name not in ("train", "val"):
            raise ValueError(f"split must be train or val, not {name!r}")
        return self.train if name == "train" else self.val


def cache_dir() -> Path:
    """Where prepared data lies."""
    return expanded(os.environ.get("AUTORESEARCH_CACHE") or "~/.cache/autoresearch")


def expanded(path: str) -> Path:
    """The path with `~`, `$HOME` and other variables replaced: no shell reads most paths."""
    return Path(os.path.expandvars(os.path.expanduser(path)))


def data_dir(source: str) -> Path:
    """Where the prepared data of a source lies: a name from all that decides its content."""
    key: list[object] = [source, SPLIT_RULE, NUM_SPECIAL]
    if source == "stdlib":
        key += [platform.python_implementation(), platform.python_version()]
    elif source == "files":
        key += [constants.DATA_GLOB]
    else:
        key += [constants.DATA_SHARDS, constants.VOCAB_SIZE, SPLIT_PATTERN]
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:12]
    return cache_dir() / "data" / f"{source}-{digest}"


def is_validation(name: str, percent: int = VAL_PERCENT) -> bool:
    """Whether a file (by its relative path) or a document (by its text) is for validation."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "big") % 100 < percent


def stdlib_files() -> list[tuple[str, Path]]:
    """(relative path, path) of the standard library's sources, its tests left out."""
    root = Path(sysconfig.get_paths()["stdlib"])
    found = []
    for folder, inner, names in os.walk(root):
        inner[:] = set(inner) - NOT_TEXT_OF_OURS  # not even entered: site-packages can be huge
        found += [Path(folder, name) for name in names if name.endswith(".py")]
    return [(path.relative_to(root).as_posix(), path) for path in found]


def globbed_files(pattern: str) -> list[tuple[str, Path]]:
    """(path as text, path) of the files a glob names."""
    found = glob.glob(str(expanded(pattern)), recursive=True)
    paths = (Path(name) for name in found)
    return [(path.resolve().as_posix(), path) for path in paths if path.is_file()]


def split_of_files(files: list[tuple[str, Path]]) -> tuple[list[bytes], list[bytes]]:
    """Contents for training and for validation, in a fixed order.

    The split is by hash of the path. Files that are not UTF-8 text, or whose content was seen
    already, are left out: a copy in both halves would be training on validation data. Ordered by
    hash too, so that the first tokens of validation are a fair sample of it.
    """
    train: list[bytes] = []
    val: list[bytes] = []
    seen: set[bytes] = set()
    by_hash = sorted(files, key=lambda item: hashlib.sha256(item[0].encode()).digest())
    # Validation first: of two copies the one in validation stays.
    for name, path in sorted(by_hash, key=lambda item: not is_validation(item[0])):
        try:
            content = path.read_bytes()
            content.decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        digest = hashlib.sha256(content).digest()
        if not content or digest in seen:
            continue
        seen.add(digest)
        if is_validation(name):
            val.append(content[:VAL_FILE_CAP])
        else:
            train.append(content)
    return train, val


def byte_split(contents: list[bytes]) -> Split:
    """Contents as one array of byte tokens, a BOS before each."""
    bos = Tokenizer.bytelevel().bos
    pieces = [np.frombuffer(content, dtype=np.uint8) for content in contents]
    lengths = np.array([len(piece) + 1 for piece in pieces], dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    tokens = np.full(int(lengths.sum()), bos, dtype=np.uint16)
    for start, piece in zip(starts, pieces, strict=True):
        tokens[start + 1 : start + 1 + len(piece)] = piece
    return Split(tokens, starts)


def build_from_files(source: str) -> Data:
    """Reads the files of a byte-level source; raises DataNotFoundError if there is too little."""
    found = stdlib_files() if source == "stdlib" else globbed_files(constants.DATA_GLOB)
    train, val = split_of_files(found)
    tokenizer = Tokenizer.bytelevel()
    splits = byte_split(train), byte_split(val)
    for name, split in zip(("training", "validation"), splits, strict=True):
        if len(split.tokens) < 2 * (MAX_SEQ_LEN + 1):
            where = "the standard library" if source == "stdlib" else repr(constants.DATA_GLOB)
            raise DataNotFoundError(
                f"data not found: {len(found)} files in {where} give {len(split.tokens)} {name} "
                f"tokens, too few. Run: python prepare.py --source files --glob 'PATTERN' --write"
            )
    return Data(*splits, tokenizer.token_bytes, tokenizer.bos, pack_documents=False)


def build_from_shards(source: str, target: Path, base_url: str) -> None:
    """Fetches a parquet source, learns its vocabulary and stores its tokens."""
    count = constants.DATA_SHARDS
    print(f"Fetching {source}: {shards.SOURCES[source].about}")
    train, val = shards.fetch_source(
        shards.SOURCES[source], count, cache_dir() / "shards" / source, base_url
    )
    held_out = held_out_documents(train[0], val)

    def train_documents() -> Iterator[list[str]]:
        for path in train:
            for texts in shards.documents(path):
                yield [t for t in texts if t not in held_out and (val or not is_held_out(t))]

    def sample() -> Iterator[str]:
        characters = 0
        for text in (text for texts in train_documents() for text in texts):
            yield text[:TOKENIZER_DOCUMENT_CAP]
            characters += min(len(text), TOKENIZER_DOCUMENT_CAP)
            if characters >= TOKENIZER_CHARACTERS:
                return

    print(f"Learning a vocabulary of {constants.VOCAB_SIZE} tokens")
    tokenizer = Tokenizer.train_bpe(sample(), constants.VOCAB_SIZE)
    print("Encoding")
    target.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        write_split(building, "train", train_documents(), tokenizer)
        write_split(building, "val", iter([list(held_out)]), tokenizer)
        finish_store(building, target, tokenizer, pack=True)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def is_held_out(text: str) -> bool:
    """Whether a document of a source without validation shard is for validation: by its hash."""
    return is_validation(text, VAL_PERCENT_DOCUMENTS)


def held_out_documents(first_shard: Path, val: Path | None) -> dict[str, None]:
    """The validation documents, each once, in order (a dict is an ordered set).

    Without a validation shard only the first training shard gives some, so that they are the same
    however many shards are trained on; their like in other shards is left out of training all the
    same. As many as evaluation can use are read, since they are held in memory.
    """
    kept: dict[str, None] = {}
    size = 0
    for texts in shards.documents(val or first_shard):
        for text in texts:
            if val or is_held_out(text):
                kept[text] = None
                size += len(text)
        if size >= HELD_OUT_CHARACTERS:
            break
    return kept


def write_split(
    folder: Path, name: str, batches: Iterator[list[str]], tokenizer: Tokenizer
) -> None:
    """Encodes documents into `name`.bin (tokens) and `name`.idx (where each begins)."""
    position = 0
    with (folder / f"{name}.bin").open("wb") as tokens, (folder / f"{name}.idx").open("wb") as idx:
        for texts in batches:
            rows = tokenizer.encode_documents(texts)
            if not rows:
                continue
            lengths = np.array([len(row) for row in rows], dtype=np.int64)
            (position + np.cumsum(lengths) - lengths).tofile(idx)
            np.concatenate([np.array(row, dtype=np.uint16) for row in rows]).tofile(tokens)
            position += int(lengths.sum())
    print(f"  {name}: {position / 1e6:.1f} M tokens")
    if position < 2 * (MAX_SEQ_LEN + 1):
        raise DataNotFoundError(f"data not found: {position} {name} tokens are too few")


def store(data: Data, target: Path, tokenizer: Tokenizer) -> None:
    """Writes data so that `load_stored` finds all of it or nothing, also with a rival at work."""
    target.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for name in ("train", "val"):
            split = data.split(name)
            split.tokens.tofile(building / f"{name}.bin")
            split.starts.tofile(building / f"{name}.idx")
        finish_store(building, target, tokenizer, data.pack_documents)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def finish_store(building: Path, target: Path, tokenizer: Tokenizer, pack: bool) -> None:
    """Adds what describes the arrays and gives the folder its name, in one step."""
    tokenizer.save(building / "tokenizer.txt")
    meta = {
        "bos": tokenizer.bos,
        "token_bytes": tokenizer.token_bytes,
        "pack_documents": pack,
        "sizes": {p.name: p.stat().st_size for p in building.iterdir() if p.suffix != ".txt"},
    }
    (building / "meta.json").write_text(json.dumps(meta), "utf-8")
    building.chmod(0o755)  # mkdtemp's 0700 would hide it from the other users of a shared cache
    try:
        building.rename(target)
    except OSError:
        if load_stored(target) is None:  # not a rival who was first: a broken copy, or a real error
            shutil.rmtree(target, ignore_errors=True)
            building.rename(target)


def load_stored(target: Path) -> Data | None:
    """The data stored in a folder, mapped into memory; None if it is not there whole."""
    try:
        meta = json.loads((target / "meta.json").read_text("utf-8"))
        if any((target / name).stat().st_size != size for name, size in meta["sizes"].items()):
            return None
        splits = [
            Split(
                np.memmap(target / f"{name}.bin", dtype=np.uint16, mode="r"),
                np.fromfile(target / f"{name}.idx", dtype=np.int64),
            )
            for name in ("train", "val")
        ]
    except (OSError, ValueError, KeyError):
        return None
    return Data(splits[0], splits[1], meta["token_bytes"], meta["bos"], meta["pack_documents"])


_loaded: dict[str, Data] = {}


def load_data() -> Data:
    """The data constants.DATA_SOURCE names; raises DataNotFoundError if it is not prepared."""
    source = constants.DATA_SOURCE
    if source not in ("stdlib", "files", *shards.SOURCES):
        names = ", ".join(("stdlib", "files", *shards.SOURCES))
        raise DataNotFoundError(
            f"data not found: no source is called {source!r}. Set DATA_SOURCE in constants.py "
            f"to one of {names}, or run: python prepare.py --source stdlib --write"
        )
    target = data_dir(source)
    if str(target) in _loaded:
        return _loaded[str(target)]
    data = load_stored(target)
    if data is None and source == "stdlib":
        data = build_from_files(source)
        # Without a cache it is built again each time: a second instead of a tenth.
        try:
            store(data, target, Tokenizer.bytelevel())
        except OSError as error:
            print(f"Cache not writable ({error}); data is held in memory")
    if data is None:
        extra = f" --glob '{constants.DATA_GLOB}'" if source == "files" else ""
        if source in shards.SOURCES:
            extra = f" --num-shards {constants.DATA_SHARDS} --vocab-size {constants.VOCAB_SIZE}"
        raise DataNotFoundError(
            f"data not found: {source!r} is not prepared in {cache_dir()}. "
            f"Run: python prepare.py --source {source}{extra}"
        )
    _loaded[str(target)] = data
    return data


def load_tokenizer() -> Tokenizer:
    """What training needs of the tokenizer; the tokens are on disk, so no BPE library is loaded."""
    data = load_data()
    return Tokenizer(data.token_bytes, data.bos)


# ---------------------------------------------------------------------------
# Loader
# ---------------------------------------------------------------------------

Row = npt.NDArray[np.int64]


def stream_rows(data: Split, length: int, *, shuffle: bool) -> Iterator[tuple[Row, int]]:
    """(row of length + 1 tokens, epoch) for ever; rows begin anywhere in the stream.

    An epoch visits every window once; training shifts and shuffles the windows each epoch.
    """
    epoch = 1
    while True:
        starts = np.arange(0, len(data.tokens) - length, length)
        if shuffle:
            rng = np.random.default_rng((DATA_SEED, epoch))
            starts = np.minimum(starts + rng.integers(length), len(data.tokens) - length - 1)
            rng.shuffle(starts)
        for start in starts:
            yield data.tokens[start : start + length + 1].astype(np.int64), epoch
        epoch += 1


def packed_rows(data: Split, length: int) -> Iterator[tuple[Row, int]]:
    """(row of length + 1 tokens, epoch) for ever; rows begin with a document, none is padded.

    Best fit: the longest waiting document that still fits, and when none does, the head of the
    shortest one. Every token then sees its whole document's beginning, as in nanochat.
    """
    capacity = length + 1
    ends = np.append(data.starts[1:], len(data.tokens))
    waiting: list[tuple[int, int]] = []  # (length, start), sorted
    epoch, next_document = 1, 0
    while True:
        row = np.empty(capacity, dtype=np.int64)
        filled = 0
        while filled < capacity:
            while len(waiting) < PACKING_BUFFER:
                start = int(data.starts[next_document])
                bisect.insort(waiting, (min(int(ends[next_document]) - start, capacity), start))
                next_document += 1
                if next_document == len(data.starts):
                    next_document, epoch = 0, epoch + 1
            fits = bisect.bisect_right(waiting, (capacity - filled, len(data.tokens)))
            size, start = waiting.pop(max(0, fits - 1))
            size = min(size, capacity - filled)
            row[filled : filled + size] = data.tokens[start : start + size]
            filled += size
        yield row, epoch


def rows_of(data: Data, split: str, length: int) -> Iterator[tuple[Row, int]]:
    """The rows of a split, the same sequence every time it is asked for."""
    part = data.split(split)
    if data.pack_documents:
        return packed_rows(part, length)
    return stream_rows(part, length, shuffle=split == "train")


def make_dataloader(
    tokenizer: Tokenizer,
    batch_size: int,
    length: int,
    split: str,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[torch.Tensor, torch.Tensor, int]]:
    """Yields (inputs, targets, epoch) for ever; both tensors are int64 of (batch_size, length)."""
    data = load_data()
    if tokenizer.vocab_size != len(data.token_bytes):
        raise ValueError("this tokenizer did not make the prepared data")
    rows = rows_of(data, split, length)
    target = torch.device(device)
    while True:
        drawn = [next(rows) for _ in range(batch_size)]
        batch = torch.from_numpy(np.stack([row for row, _ in drawn]))
        if target.type == "cuda":
            batch = batch.pin_memory().to(target, non_blocking=True)
        else:
            batch = batch.to(target)
        # contiguous, so that a compiled model sees the same strides in training and evaluation
        yield batch[:, :-1].contiguous(), batch[:, 1:].contiguous(), drawn[-1][1]


# ---------------------------------------------------------------------------
# The metric
# ---------------------------------------------------------------------------


@torch.no_grad()
def evaluate_bpb(
    model: Callable[[torch.Tensor], torch.Tensor], tokenizer: Tokenizer, batch_size: int
) -> float:
    """Bits per byte of the first EVAL_TOKENS validation tokens; lower is better.

    Σ nats of the targets / (ln 2 · Σ UTF-8 bytes of the targets), special tokens in neither sum,
    so it does not depend on the vocabulary. The model gives logits of (batch, time, vocabulary);
    the loss is computed here, in float32, and summed in float64. Rows are the same for every
    batch size. Raises ValueError if a future token changes an earlier prediction.
    """
    data = load_data()
    device = model_device(model)
    token_bytes = torch.tensor(tokenizer.token_bytes, device=device)
    rows = rows_of(data, "val", MAX_SEQ_LEN)
    # A validation set smaller than EVAL_TOKENS is used once, never twice.
    wanted = max(1, min(EVAL_TOKENS, len(data.val.tokens) - 1) // MAX_SEQ_LEN)
    total_nats, total_bytes = 0.0, 0
    for first in range(0, wanted, batch_size):
        count = min(batch_size, wanted - first)
        batch = np.stack([next(rows)[0] for _ in range(count)])
        # A compiled model wants one shape: the last batch is filled up and the filling cut off.
        filling = np.repeat(batch[:1], batch_size - count, axis=0)
        on_device = torch.from_numpy(np.concatenate([batch, filling])).to(device)
        inputs, targets = on_device[:, :-1].contiguous(), on_device[:, 1:].contiguous()
        if first == 0:
            check_causality(model, inputs, tokenizer.vocab_size)
        logits = model(inputs)
        nats, in_bytes = target_nats(logits[:count], targets[:count], token_bytes)
        total_nats += nats
        total_bytes += in_bytes
    return total_nats / (math.log(2) * total_bytes)


def target_nats(
    logits: torch.Tensor, targets: torch.Tensor, token_bytes: torch.Tensor
) -> tuple[float, int]:
    """(Σ nats, Σ bytes) of the targets that stand for text."""
    with torch.autocast(device_type=logits.device.type, enabled=False):
        losses = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
    lengths = token_bytes[targets.flatten()]
    # where, not a product: a special token's infinite loss times 0 would be NaN
    kept = torch.where(lengths > 0, losses, 0.0)
    return kept.cpu().double().sum().item(), int(lengths.sum().item())


def check_causality(
    model: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor, vocab_size: int
) -> None:
    """Raises ValueError if changing the second half of the first row moves logits of its first."""
    half = inputs.size(1) // 2
    before = model(inputs)[0, :half].float().clone()  # cloned, or all the logits stay in memory
    changed = inputs.clone()
    changed[0, half:] = (changed[0, half:] + 1) % vocab_size
    moved = (model(changed)[0, :half].float() - before).abs().max().item()
    # Rounding may differ between calls; what leaks moves logits by far more than a tenth of their
    # spread. NaN fails the comparison too; that is another fault, told elsewhere.
    if moved > 0.1 * max(before.std().item(), 1e-3):
        raise ValueError(f"the model sees future tokens: they move earlier logits by {moved:.3g}")


def model_device(model: object) -> torch.device:
    """The device of a module's parameters; the CPU for a plain function."""
    if isinstance(model, torch.nn.Module):
        for parameter in model.parameters():
            return parameter.device
    return torch.device("cpu")


# ---------------------------------------------------------------------------
# Command line
# ---------------------------------------------------------------------------


def set_literals(text: str, values: dict[str, object]) -> str:
    """Source text with `NAME = literal` lines changed; their comments stay."""
    for name, value in values.items():
        literal = json.dumps(value)  # double quotes, as the formatter writes them
        line = re.compile(rf"^{name} = .*?(?=  #|$)", re.MULTILINE)
        text, found = line.subn(lambda _, n=name, v=literal: f"{n} = {v}", text, count=1)  # type: ignore[misc]
        if not found:
            raise ValueError(f"constants.py has no line {name} = …")
    return text


def prepare(source: str, base_url: str, force: bool) -> None:
    """Makes the tokens of a source, unless they are there."""
    target = data_dir(source)
    if force:
        shutil.rmtree(target, ignore_errors=True)
    if load_stored(target) is not None:
        print(f"Already prepared: {target}")
    elif source in shards.SOURCES:
        build_from_shards(source, target, base_url)
    else:
        store(build_from_files(source), target, Tokenizer.bytelevel())
    data = load_stored(target)
    if data is None:
        raise DataNotFoundError(f"data not found: {target} could not be read back")
    print(
        f"Data: {len(data.train.tokens) / 1e6:.1f} M tokens for training, "
        f"{len(data.val.tokens) / 1e6:.2f} M for validation, in {target}"
    )


def main() -> None:
    """Prepares a source and says, or with --write sets, what constants.py must say."""
    parser = argparse.ArgumentParser(description="Prepare the data of the experiments.")
    known = ("stdlib", "files", *shards.SOURCES)
    parser.add_argument("--source", choices=known, default=constants.DATA_SOURCE)
    parser.add_argument("--glob", help="for --source files: which, e.g. '~/texts/**/*.txt'")
    parser.add_argument("--num-shards", type=int, help="training shards to fetch; -1 for all")
    parser.add_argument("--vocab-size", type=int, help="size of the BPE vocabulary")
    parser.add_argument("--base-url", default=shards.HUB, help="a mirror of the hub")
    parser.add_argument("--write", action="store_true", help="set the choice in constants.py")
    parser.add_argument("--force", action="store_true", help="prepare again even if it is there")
    args = parser.parse_args()

    values: dict[str, object] = {"DATA_SOURCE": args.source}
    if args.source == "files":
        values["DATA_GLOB"] = constants.DATA_GLOB if args.glob is None else args.glob
        if not values["DATA_GLOB"]:
            parser.error("--source files needs --glob")
    elif args.source in shards.SOURCES:
        same = args.source == constants.DATA_SOURCE
        default = constants.DATA_SHARDS if same else shards.SOURCES[args.source].default_shards
        values["DATA_SHARDS"] = args.num_shards or default
        values["VOCAB_SIZE"] = args.vocab_size or constants.VOCAB_SIZE
        if not 256 + NUM_SPECIAL < int(str(values["VOCAB_SIZE"])) <= 65536:
            parser.error("--vocab-size must be above 264 and at most 65536")
    changed = {name: value for name, value in values.items() if getattr(constants, name) != value}
    for name, value in values.items():
        setattr(constants, name, value)
    try:
        prepare(args.source, args.base_url.rstrip("/"), args.force)
    except (DataNotFoundError, shards.DownloadError, OSError) as error:
        sys.exit(str(error))

    path = Path(__file__).with_name("constants.py")
    if changed and args.write:
        path.write_text(set_literals(path.read_text("utf-8"), changed), "utf-8")
        print(f"Set in constants.py: {', '.join(changed)}")
    elif changed:
        print("To train on it, set in constants.py (or run this again with --write):")
        for name, value in changed.items():
            print(f"    {name} = {json.dumps(value)}")


if __name__ == "__main__":
    main()
