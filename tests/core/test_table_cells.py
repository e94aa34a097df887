"""Single cells: numbers as people write them, memory, times, hashes, and status words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.metric_direction import direction_of
from engine.core.table.model import RowVerdict
from engine.core.table.numbers import (
    commit_hash,
    is_placeholder,
    to_gigabytes,
    to_number,
    to_time,
    uses_decimal_comma,
)
from engine.core.table.roles import metric_rank, never_zero, same_metric
from engine.core.table.status_words import Meaning, meaning_of, ran_means_keep, to_verdict


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0.9979", 0.9979),
        (" 0.9979 ", 0.9979),
        ("0", 0.0),
        ("-1.0000", -1.0),
        ("−0.5", -0.5),
        ("1e-3", 0.001),
        ("0.98 (±0.01)", 0.98),
        ("0.98±0.01", 0.98),
        ("0.98 +/- 0.01", 0.98),
        ("0.98 (best)", 0.98),
        ("0.98*", 0.98),
        ("**0.98**", 0.98),
        ("`0.98`", 0.98),
        ("~0.98", 0.98),
        ("0,98", 0.98),
        ("1,234", 1234.0),
        ("1,234.5", 1234.5),
        ("25.169,98", 25169.98),
        ("55.6%", 55.6),
        ("44.0GB", 44.0),
        ("5.2 s", 5.2),
        ("154.6 tok/s", 154.6),
        ("1.05 -> 1.02", 1.02),
        ("+1189.20", 1189.2),
        ("12'345.6", 12345.6),
        (".5", 0.5),
    ],
)
def test_numbers_that_can_be_read(cell: str, value: float) -> None:
    assert to_number(cell) == pytest.approx(value)


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "N/A",
        "n/a",
        "–",
        "—",
        "-",
        "nan",
        "inf",
        "-inf",
        "null",
        "none",
        "TBD",
        "crash",
        "9" * 400,
        *("10974_opps,spread=18.0c,score=0.494", "3_div", "2026-03-21", "keep", "1_000", "abc1234"),
        *("1.2.3.4", "0.98 " + "x" * 500, "(0.98)", "e5", "."),
    ],
)
def test_cells_without_a_number(cell: str) -> None:
    assert to_number(cell) is None


def test_a_column_with_decimal_commas() -> None:
    assert uses_decimal_comma(["1,234", "0,98"])
    assert not uses_decimal_comma(["1,234", "12,345", "0.5"])
    assert to_number("1,234", decimal_comma=True) == pytest.approx(1.234)


@given(st.text(max_size=90), st.booleans())
def test_a_number_is_always_finite(cell: str, comma: bool) -> None:
    value = to_number(cell, decimal_comma=comma)
    assert value is None or abs(value) < float("inf")
    to_time(cell)
    to_gigabytes(cell, cell)
    commit_hash(cell)
    meaning_of(cell)
    direction_of(cell)


@pytest.mark.parametrize(
    ("cell", "column", "gigabytes"),
    [
        ("44.0", "memory_gb", 44.0),
        ("45060.2", "peak_vram_mb", 45060.2 / 1024),
        ("512 MB", "memory_gb", 0.5),
        ("512MB", "memory_gb", 0.5),
        ("512MB", "512MB", 0.5),
        ("512mb (of 80GB)", "memory_gb", 0.5),
        ("44GB → 512MiB", "memory_gb", 0.5),
        ("512M", "peak", 0.5),
        ("1.5TB", "memory_mb", 1536.0),
        ("44G", "peak_vram_mb", 44.0),
        ("1e3MB", "memory_gb", 1000 / 1024),
        ("2097152KB", "memory_gb", 2.0),
        ("1073741824B", "memory_gb", 1.0),
        ("1073741824bytes", "memory_gb", 1.0),
        ("44.0 (GPU 0)", "memory_gb", 44.0),
        ("45060.2 ± 3", "peak_vram_mb", 45060.2 / 1024),
        ("44.0GB", "peak_vram_mb", 44.0),
        ("1073741824", "memory_bytes", 1.0),
        ("N/A", "memory_gb", None),
        ("2097152 KB", "memory_gb", 2.0),
        ("2097152 kb", "memory_gb", 2.0),
        ("2097152", "Peak VRAM (KiB)", 2.0),
        ("2097152", "VRAM_KB", 2.0),
        ("512 mib", "memory_gb", 0.5),
        ("512", "VRAM_MB", 0.5),
        ("1073741824 Bytes", "memory_gb", 1.0),
    ],
)
def test_memory(cell: str, column: str, gigabytes: float | None) -> None:
    assert to_gigabytes(cell, column) == (None if gigabytes is None else pytest.approx(gigabytes))


def test_times() -> None:
    assert to_time("2026-03-26 13:10:21") == datetime(2026, 3, 26, 13, 10, 21, tzinfo=UTC)
    assert to_time("2026-04-03T16:50:11+09:00") == datetime(2026, 4, 3, 7, 50, 11, tzinfo=UTC)
    assert to_time("1774530621") == datetime.fromtimestamp(1774530621, UTC)
    assert to_time("1774530621000") == datetime.fromtimestamp(1774530621, UTC)
    assert to_time("yesterday") is None
    assert to_time("0.9979") is None


def test_hashes() -> None:
    assert commit_hash("bea057b") == "bea057b"
    assert commit_hash("BDEE7E0-dirty") == "bdee7e0"
    assert commit_hash("`bea057b`") == "bea057b"
    for word in ("baseline", "none", "TBD", "reverted", "uncommitted", "", "abc", "defaced"):
        assert commit_hash(word) is None, word


STATUSES = {
    Meaning.KEEP: "keep kept KEEP Kept accept accepted approve APPROVE adopted improved better "
    "best NEW_BEST new-best NewBest winner merged baseline BASELINE ✅ 保留 接受 基线 改进",
    Meaning.DISCARD: "discard discarded revert reverted REVERTED reject REJECT rejected rollback "
    "worse regression neutral NEUTRAL no_change no-improvement size_violation "
    "dropped ❌ 丢弃 回滚 放弃",
    Meaning.CRASH: "crash crashed error exception oom OOM TIMEOUT timeout timed_out killed nan NaN "
    "diverged aborted segfault 崩溃 超时 内存不足 错误",
    Meaning.FAILED: "fail failed FAILED failure 失败",
    Meaning.RAN: "ok OK pass passed success done completed 成功 完成",
    Meaning.OTHER: "run skip SKIPPED pending running todo 跳过 进行中",
}


@pytest.mark.parametrize(
    ("word", "meaning"), [(w, m) for m, words in STATUSES.items() for w in words.split()]
)
def test_status_words(word: str, meaning: Meaning) -> None:
    assert meaning_of(word) is meaning


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("keep (new best)", Meaning.KEEP),
        ("**keep**", Meaning.KEEP),
        ("✅ keep", Meaning.KEEP),
        ("discard - worse", Meaning.DISCARD),
        ("not kept", Meaning.DISCARD),
        ("no improvement (reverted)", Meaning.DISCARD),
        ("out of memory", Meaning.CRASH),
        ("crash/oom", Meaning.CRASH),
        ("已保留", Meaning.KEEP),
        ("未采用", Meaning.DISCARD),
        ("显存不足(OOM)", Meaning.CRASH),
        ("", None),
        ("112.63", None),
        ("true colours", Meaning.KEEP),
        ("n=3", None),
        ("n (worse)", Meaning.DISCARD),
        ("an essay about what happened, far too long to be a status", None),
    ],
)
def test_status_cells_of_several_words(status: str, meaning: Meaning | None) -> None:
    assert meaning_of(status) is meaning


def test_what_failed_and_ok_mean_depends() -> None:
    assert to_verdict(Meaning.FAILED, measured=True, ran_is_keep=False) is RowVerdict.DISCARD
    assert to_verdict(Meaning.FAILED, measured=False, ran_is_keep=False) is RowVerdict.CRASH
    assert to_verdict(Meaning.RAN, measured=True, ran_is_keep=True) is RowVerdict.KEEP
    assert to_verdict(Meaning.RAN, measured=True, ran_is_keep=False) is RowVerdict.OTHER
    assert to_verdict(None, measured=True, ran_is_keep=True) is RowVerdict.OTHER
    assert ran_means_keep({Meaning.RAN, Meaning.DISCARD})
    assert not ran_means_keep({Meaning.RAN, Meaning.DISCARD, Meaning.KEEP})
    assert not ran_means_keep({Meaning.RAN, Meaning.FAILED})


def test_ranks_of_names() -> None:
    assert metric_rank("val_bpb") > metric_rank("accuracy") > metric_rank("train_loss")
    assert metric_rank("metric_after") > metric_rank("metric_before")
    assert metric_rank("delta_pnl") <= 0
    assert never_zero("val_bpb")
    assert not never_zero("error_rate")
    assert not never_zero("score")
    assert same_metric("val_bpb", "bpb")
    assert same_metric("val_bpb", "best_validation_bpb")
    assert not same_metric("val_bpb", "val_loss")
    assert not same_metric("val_acc", "test_acc")


def test_placeholders() -> None:
    assert all(map(is_placeholder, ("", " - ", "N/A", "TBD", "—")))
    assert not is_placeholder("0")
