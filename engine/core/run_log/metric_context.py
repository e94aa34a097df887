"""Judges the text before a metric's name: does it name another figure, a data set or a class?"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD_BEFORE = re.compile(r"(?:^|[\s|,;:=(\[{>])([A-Za-z][A-Za-z\-]*)[ \t]+$")
_MARKED_BEFORE = re.compile(
    r"\b(best|min|max|lowest|highest|prev(?:ious)?|target|baseline|initial)\b[\])}:|,>* ]{0,3}$",
    re.I,
)
_DATA_LABEL = re.compile(
    r"(?<![\w./\\])(train|val|eval|test|dev)(?:ing|id(?:ation|ating)?|uat(?:ion|ing))?"
    r"(?:\s+[A-Za-z]+){0,2}\s*[:\])|}>]",
    re.I,
)
_CLASS_LABEL = re.compile(r"(?:^|[\s|,;])([A-Za-z][A-Za-z_]+):\s+(?=$|[A-Za-z][\w@/\-]*\s*[:=])")
_LEVEL_BEFORE = re.compile(r"\b(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL)\]?[: ]$")
_DATA_SET = re.compile(r"val|valid|validation|eval|evaluation|test|testing|dev|held-?out")
_OTHER = re.compile(
    rf"{_DATA_SET.pattern}|train|training|best|worst|min|max|minimum|maximum|lowest|highest|avg|average"
    r"|mean|median|std|stdev|running|smoothed|ema|swa|old|previous|prev|initial|starting|baseline"
    r"|target|expected|goal|threshold|delta|relative"
)
"""Matches words that make the name after them the name of another figure."""
_NEUTRAL = re.compile(
    r"final|metrics?|results?|the|with|has|and|at|end|overall|info|warn|warning|error|debug|epoch"
    r"|step|iter|iteration|round|summary|done|finished|output|stats|score|scores"
)
"""Matches words that may stand before a name of one word without changing its meaning."""


def data_set(word: str) -> str:
    """Return the usual short name of a data set that a word such as `Validation` names."""
    low = word.lower()
    return next((name for name in ("train", "eval", "val", "test", "dev") if name in low), low)


class NameContext:
    """Judges what stands before a name.

    Args:
        tokens: The parts of the name, such as `val` and `loss`.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._is_one_word = len(tokens) == 1
        low = [token.lower() for token in tokens]
        self.has_data_set = any(t == "train" or _DATA_SET.fullmatch(t) for t in low)
        """Whether the name itself names a data set, so that no label does."""
        self.begins_with_label = not self._is_one_word and bool(
            _DATA_LABEL.fullmatch(f"{tokens[0]}:")
        )
        """Whether the first part of the name may stand as a label before the others."""

    def other_figure(self, before: str) -> str:
        """Return the word that makes the name after it the name of another figure, or ""."""
        before = before[-60:].rstrip("\"'`*(")
        marked = _MARKED_BEFORE.search(before)
        if marked is not None:
            return marked[1]
        word = _WORD_BEFORE.search(before)
        if word is None:
            return ""
        low = word[1].lower()
        if _OTHER.fullmatch(low):
            return "" if self.has_data_set and _DATA_SET.fullmatch(low) else word[1]
        if not self._is_one_word or _NEUTRAL.fullmatch(low):
            return ""
        # `router loss` is another figure than `loss`, but the word may be the unit of a number.
        return "" if re.search(r"\d[\])}%]*\s+$", before[: word.start(1)]) else word[1]

    def label(self, before: str) -> str:
        """Return the data set or class that a label before the name names, or ""."""
        if self.has_data_set:
            return ""
        for label in reversed(list(_DATA_LABEL.finditer(before))):
            if not _LEVEL_BEFORE.search(before[: label.start()]):
                return data_set(label[1])
        for word in reversed(list(_CLASS_LABEL.finditer(before)) if self._is_one_word else []):
            # In `INFO train: loss: 0.9` the word is the name of a logger.
            is_logger = _LEVEL_BEFORE.search(before[: word.start(1)]) is not None
            if not (is_logger or _NEUTRAL.fullmatch(word[1].lower())):
                return word[1]
        return ""
