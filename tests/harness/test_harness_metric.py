"""Bits per byte, against computations by hand."""

from __future__ import annotations

import math
from pathlib import Path

import prepare
import pytest
import torch

TOKENIZER = prepare.Tokenizer.bytelevel()
VOCABULARY = TOKENIZER.vocab_size


def use_validation_text(monkeypatch: pytest.MonkeyPatch, documents: list[bytes]) -> prepare.Data:
    """Makes documents the validation data, with a short context."""
    split = prepare.byte_split(documents)
    data = prepare.Data(split, split, TOKENIZER.token_bytes, TOKENIZER.bos, pack_documents=False)
    monkeypatch.setattr(prepare, "load_data", lambda: data)
    monkeypatch.setattr(prepare, "MAX_SEQ_LEN", 16)
    return data


def uniform(inputs: torch.Tensor) -> torch.Tensor:
    """Every byte equally likely, special tokens impossible."""
    logits = torch.zeros(*inputs.shape, VOCABULARY)
    logits[..., 256:] = -math.inf
    return logits


def test_a_uniform_model_needs_eight_bits_per_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a special token is the target: its infinite loss is in no sum."""
    use_validation_text(monkeypatch, [b"some text", "ünïcode ☃ text".encode()] * 20)
    assert prepare.evaluate_bpb(uniform, TOKENIZER, 4) == pytest.approx(8.0, abs=1e-6)


def test_against_a_computation_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixed distribution: minus its log2 probabilities, summed, over the bytes."""
    data = use_validation_text(monkeypatch, [b"aab" * 30])
    fixed = torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(1))
    measured = prepare.evaluate_bpb(lambda x: fixed.expand(*x.shape, -1), TOKENIZER, 3)
    log2_p = torch.log_softmax(fixed.double(), 0).numpy() / math.log(2)
    rows = (len(data.val.tokens) - 1) // 16
    targets = data.val.tokens[1 : rows * 16 + 1]
    text = targets[targets < 256]
    assert measured == pytest.approx(-log2_p[text].sum() / len(text), rel=1e-6)


def test_it_does_not_depend_on_the_batch_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """An experiment may change its batch, even beyond the whole validation set."""
    use_validation_text(monkeypatch, [bytes(range(32, 127)) * 3])
    table = torch.randn(VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(2))
    values = [prepare.evaluate_bpb(lambda x: table[x], TOKENIZER, b) for b in (1, 5, 8, 500)]
    assert values == pytest.approx([values[0]] * 4, rel=1e-6)


def test_only_the_first_eval_tokens_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after them does not matter."""
    monkeypatch.setattr(prepare, "EVAL_TOKENS", 64)
    table = torch.randn(VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(3))
    values = []
    for rest in (b"x" * 500, b"qwerty" * 90):
        use_validation_text(monkeypatch, [b"0123456789" * 10 + rest])
        values.append(prepare.evaluate_bpb(lambda x: table[x], TOKENIZER, 2))
    assert values[0] == values[1]


def test_a_model_that_sees_the_future_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most tempting leak: the next input is the target."""
    use_validation_text(monkeypatch, [b"The quick brown fox jumps over the lazy dog. " * 9])

    def cheat(inputs: torch.Tensor) -> torch.Tensor:
        return 20.0 * torch.nn.functional.one_hot(inputs.roll(-1, 1), VOCABULARY).float()

    with pytest.raises(ValueError, match="future tokens"):
        prepare.evaluate_bpb(cheat, TOKENIZER, 4)


def test_bpe_token_bytes_sum_to_the_bytes_of_the_text() -> None:
    """Also for characters whose bytes fall into several tokens."""
    pytest.importorskip("rustbpe")
    pytest.importorskip("tiktoken")
    corpus = ["the cat sat on the mat, the rat sat on the cat"] * 50
    tokenizer = prepare.Tokenizer.train_bpe(corpus, 300)
    for text in ("the cat", "naïve café", "日本語テキスト", "🦊🏽‍🚀 the end", "", "\x00\r\n"):
        (row,) = tokenizer.encode_documents([text])
        assert row[0] == tokenizer.bos
        assert sum(tokenizer.token_bytes[token] for token in row) == len(text.encode("utf-8"))
        assert tokenizer.decode(row) == text
    (snowman,) = tokenizer.encode_documents(["☃"])
    assert len(snowman) == 4  # BOS and three bytes, none of which is a character by itself
    assert 256 + prepare.NUM_SPECIAL < tokenizer.vocab_size <= 300
    assert tokenizer.token_bytes[-prepare.NUM_SPECIAL :] == [0] * prepare.NUM_SPECIAL


def test_bpe_vocabulary_survives_storing(tmp_path: Path) -> None:
    """Saved and loaded, it encodes the same."""
    pytest.importorskip("rustbpe")
    pytest.importorskip("tiktoken")
    path = tmp_path / "tokenizer.txt"
    tokenizer = prepare.Tokenizer.train_bpe(["some words, more words, 1234"] * 20, 290)
    tokenizer.save(path)
    again = prepare.Tokenizer.load(path)
    text = ["some more words 12 ☃"]
    assert again.encode_documents(text) == tokenizer.encode_documents(text)
    assert again.token_bytes == tokenizer.token_bytes
    prepare.Tokenizer.bytelevel().save(path)
    assert prepare.Tokenizer.load(path).vocab_size == VOCABULARY
