"""Parses status cells: maps the words that people and agents use to keep, discard and crash."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache

from engine.core.table.model import RowVerdict

_KEEP = """
keep keeps kept keeping keeper keep_best accept accepted approve approved adopt adopted advance
advanced retain retained promote promoted merge merged commit committed improve improved improvement
improving better best new_best newbest new_record record win won winner champion incumbent
baseline base reference calibration true yes y ✓ ✔ ✅ ☑ 🏆 ⭐
保留 采用 采纳 接受 基线 基准 改进 改善 提升 最佳 最优 新最佳 胜出 合并 保持
"""
_DISCARD = """
discard discards discarded discarding revert reverts reverted reject rejects rejected rollback
rolled_back rolledback roll_back undo undone drop dropped remove removed abandon abandoned decline
declined worse worsened regress regressed regression degraded lost lose loser neutral tie tied same
equal unchanged no_change no_op noop no_improvement no_gain no_improve inconclusive marginal
insignificant not_kept not_better false no n ✗ ✘ ❌ × ❎ ↩
wash size_violation violation constraint_violation over_budget invalid disqualified cheated leak
丢弃 放弃 回滚 撤销 回退 还原 拒绝 舍弃 弃用 淘汰 变差 更差 退步 退化 无效 未改进 无改进 无提升
未提升 持平 不保留
"""
_CRASH = """
crash crashes crashed crashing error errors errored exception oom oomed out_of_memory cuda_oom
oom_killed timeout timed_out time_out timedout nan nans inf diverge diverged divergence exploded
killed kill abort aborted hang hung stuck segfault segmentation_fault broken bug build_failed
build_error compile_error compile_failed syntax_error runtime_error import_error assertion_error
interrupted cancelled canceled infra infra_error failed_to_apply apply_failed 💥 💀
崩溃 超时 错误 报错 异常 出错 内存不足 显存不足 溢出 中断 发散 爆显存
"""
_FAILED = "fail fails failed failure failing unsuccessful 失败 运行失败"
_RAN = """
ok okay pass passed passing success successful succeeded good valid done complete completed finish
finished 成功 通过 完成 有效
"""
_OTHER = """
other run ran running skip skipped skipping pending planned plan queued todo tbd wip in_progress
waiting note info unknown untested not_run not_tested partial mixed candidate review measured test
tested eval evaluated ablation ablate duplicate dup repeat rerun confirm re_run n_a na none null
跳过 进行中 待定 运行中 未知 待测 重复
"""
CHINESE = tuple(
    word
    for word in (_KEEP + _DISCARD + _CRASH + _FAILED + _RAN + _OTHER).split()
    if len(word) > 1 and all("\u4e00" <= c <= "\u9fff" for c in word)
)
"""Chinese status words; text decoded as GB 18030 that contains one was decoded correctly."""
_SOFT = frozenset(
    (
        *("marginal", "insignificant", "neutral", "tie", "tied", "same", "equal", "unchanged"),
        "inconclusive",
    )
)
"""Words for how a result compares, which a word for what was done with it outweighs."""
_DONE = frozenset(
    (
        *("keep", "kept", "accept", "accepted", "adopt", "adopted", "retain", "retained"),
        *("promote", "promoted", "merge", "merged", "discard", "discarded", "revert", "reverted"),
        *("reject", "rejected", "rollback", "drop", "dropped"),
    )
)
_LONGEST = 48
_WORD = re.compile(r"[^\W_]+|[✓✔✅☑🏆⭐✗✘❌×❎↩💥💀]", re.UNICODE)
_NOT = frozenset(("not", "no", "non", "never", "without", "dont", "didnt", "未", "不"))


class Meaning(StrEnum):
    """The meaning of a status cell by itself, before the rest of its row and table is known."""

    KEEP = "keep"
    DISCARD = "discard"
    CRASH = "crash"
    FAILED = "failed"
    """Becomes a crash in a row without a metric value, else a discard."""
    RAN = "ran"
    """`ok`, `done` and the like: a keep if the table has discards and no keep, else only ran."""
    OTHER = "other"


_MEANINGS: dict[str, Meaning] = {
    word: meaning
    for words, meaning in (
        (_OTHER, Meaning.OTHER),
        (_RAN, Meaning.RAN),
        (_FAILED, Meaning.FAILED),
        (_CRASH, Meaning.CRASH),
        (_DISCARD, Meaning.DISCARD),
        (_KEEP, Meaning.KEEP),
    )
    for word in words.split()
}


def meaning_of(status: str) -> Meaning | None:
    """Return the meaning of a status cell; None if none of its words is known."""
    return _meaning_of(status) if len(status) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _meaning_of(status: str) -> Meaning | None:
    known = _MEANINGS.get(status)
    if known is not None:
        return known
    flat = unicodedata.normalize("NFKC", status).casefold().replace("'", "").replace("\ufe0f", "")
    words = _WORD.findall(flat)
    whole = "_".join(words)
    if whole in _MEANINGS:
        return _MEANINGS[whole]
    return _by_words(words)


def _by_words(words: list[str]) -> Meaning | None:
    """Return the meaning of the first known word, as in `keep (new best)`; None without one.

    A negated word has the opposite meaning: `not kept` is a discard. In `marginal-keep` the second
    word counts, which says what was done.
    """
    if _SOFT & set(words) and "not" not in words:
        words = [word for word in words if word in _DONE] or words
    for index, word in enumerate(words):
        pair = _MEANINGS.get("_".join(words[index : index + 2]))
        if pair is not None and index + 1 < len(words):
            return pair
        if word in _NOT and index + 1 < len(words):
            continue
        if len(word) == 1 < len(words) and word.isascii():
            continue  # the n of `n=3`
        meaning = _MEANINGS.get(word) or _chinese(word)
        if meaning is not None:
            return _negated(meaning) if index and words[index - 1] in _NOT else meaning
    return None


def _negated(meaning: Meaning) -> Meaning:
    return Meaning.DISCARD if meaning in (Meaning.KEEP, Meaning.RAN) else Meaning.OTHER


def _chinese(word: str) -> Meaning | None:
    """Return the meaning of the first known Chinese word in a text without spaces, or None."""
    if word < "\u4e00":
        return None
    found = [(word.find(known), -len(known), known) for known in CHINESE if known in word]
    if not found:
        return None
    at, _, known = min(found)
    return _negated(_MEANINGS[known]) if at and word[at - 1] in "未不没无" else _MEANINGS[known]


def is_verdict(status: str) -> bool:
    """Return whether a status is one of a verdict: keep, discard, crash or the like."""
    return meaning_of(status) not in (None, Meaning.OTHER)


def to_verdict(meaning: Meaning | None, *, measured: bool, ran_is_keep: bool) -> RowVerdict:
    """Return the verdict of a row from the meaning of its status.

    Args:
        meaning: The meaning of its status, from `meaning_of`.
        measured: Whether the row has a metric value other than 0.
        ran_is_keep: Whether `ok` means `keep` in this table.
    """
    match meaning:
        case Meaning.KEEP:
            return RowVerdict.KEEP
        case Meaning.DISCARD:
            return RowVerdict.DISCARD
        case Meaning.CRASH:
            return RowVerdict.CRASH
        case Meaning.FAILED:
            return RowVerdict.DISCARD if measured else RowVerdict.CRASH
        case Meaning.RAN:
            return RowVerdict.KEEP if ran_is_keep else RowVerdict.OTHER
        case _:
            return RowVerdict.OTHER


def ran_means_keep(meanings: set[Meaning | None]) -> bool:
    """Return whether a status such as `ok` means keep in a table.

    That is so if its statuses include a discard and no keep.

    Args:
        meanings: The meanings of all statuses in the table.
    """
    return Meaning.DISCARD in meanings and Meaning.KEEP not in meanings
