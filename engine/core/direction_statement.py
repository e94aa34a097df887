"""Finds what a text such as program.md says about which way a metric improves, and quotes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.core.enums import Direction
from engine.core.metric_direction import words_of
from engine.core.text import one_line

_MOST_CHARACTERS = 200_000
_LONGEST = 2000
"""The most characters of a sentence that is examined."""
_BEGIN = 12
"""The most characters before a statement about the metric of the sentence before it."""
_QUOTED = 80
_NEAR = 60
"""The most characters between the metric's name and the statement that is about it."""
_FAR = r"(?:low|high)er|less|more|small(?:er)?|larger|bigger|greater"
_COMPARED = re.compile(
    rf"\b(?P<word>{_FAR})(?:[ -]+(?:values?|scores?|numbers?|ones?))?[ -]+(?:is|are|=|being)[ -]+"
    r"(?:always[ -]+)?better\b|\bthe (?P<the>lower|higher|smaller|larger|bigger),? the better\b"
    r"|\((?P<short>lower|higher|smaller|larger)(?:[ -]better)?\)|[↓↑]",
    re.I,
)
_WANTED = re.compile(
    r"\b(?:minimi[sz](?:e|es|ing|ation of)|maximi[sz](?:e|es|ing|ation of)|"
    r"(?:the )?(?:low|high)est(?: possible)?|"
    # Program texts advise to reduce or increase settings as well.
    r"(?:(?<=goal is to )|(?<=goal: )|(?<=objective is to )|(?<=objective: )|"
    r"(?<=task is to )|(?<=aim is to )|(?<=try to ))(?:reduce|lower|decrease|increase|raise))\b",
    re.I,
)
_BETWEEN = re.compile(
    r"(?:[\s`*_'\"(]*(?:the|your|our|possible|a|final|best|mean|average|validation|metric|"
    r"value|score|of|single|is|objective|goal|target|:))*[\s`*_'\"(]*",
    re.I,
)
"""Matches what may stand between `minimize` and the metric's name."""
_BEFORE_NAME = re.compile(r"[\s:,.—–-]*(?:for|of|with|in)?(?: the)?[\s`*'\"(]*", re.I)
"""Matches what may stand between `lower is better` and the metric's name after it."""
_NEGATED = re.compile(
    r"(?:\b(?:not|never|no longer|instead of|rather than|without)|n['’]t)\W+(?:\w+\W+)?$", re.I
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+|\s\|\s")
_UPWARDS = ("high", "more", "large", "bigger", "great", "max", "incr", "rais", "↑")


def stated_direction(text: str, metric: str) -> tuple[Direction, str] | None:
    """Return which way a metric improves according to a text, and the sentence that says so.

    A statement counts if it names the metric, or follows one that does. Returns None if there is
    none, or if statements contradict each other.

    Args:
        text: The text, such as that of program.md.
        metric: The metric's name.
    """
    found: dict[Direction, str] = {}
    for direction, sentence in _statements(text[:_MOST_CHARACTERS], metric):
        found.setdefault(direction, one_line(sentence.strip(" \t#*->|"), _QUOTED))
    return next(iter(found.items())) if len(found) == 1 else None


def _statements(text: str, metric: str) -> Iterator[tuple[Direction, str]]:
    words = [re.escape(word) for word in words_of(metric)]
    if not words:
        return
    between = r"[\s_@./-]*"
    spelled = between.join(words)
    name = re.compile(rf"(?<!\w){spelled}(?!\w)", re.I)
    better = re.compile(
        rf"\b(?:{_FAR})[\s`*]+{spelled}[`*]*(?: values?| scores?)? (?:is|are) better\b", re.I
    )
    follows = False
    for sentence in _SENTENCE.split(text):
        if not sentence.strip() or len(sentence) > _LONGEST:
            continue
        places = [match.span() for match in name.finditer(sentence)]
        for match in _COMPARED.finditer(sentence):
            begins = follows and match.start() <= _BEGIN and match[0] not in "↓↑"
            about = _is_near(match, places) if places else begins
            if about and not _NEGATED.search(sentence[: match.start()]):
                yield _direction(match[0]), sentence
        for match in better.finditer(sentence):
            yield _direction(match[0]), sentence
        for match in _WANTED.finditer(sentence):
            if _has_object(match, places) and not _NEGATED.search(sentence[: match.start()]):
                yield _direction(match[0]), sentence
        follows = bool(places)


def _is_near(match: re.Match[str], places: Sequence[tuple[int, int]]) -> bool:
    """Return whether one of the places is shortly before a match, or right after it."""
    return any(
        match.start() - end <= _NEAR
        if end <= match.start()
        else start >= match.end()
        and _BEFORE_NAME.fullmatch(match.string, match.end(), start) is not None
        for start, end in places
    )


def _has_object(match: re.Match[str], places: Sequence[tuple[int, int]]) -> bool:
    """Return whether one of the places is what a verb such as `minimize` refers to."""
    return any(
        0 <= start - match.end() <= _NEAR
        and _BETWEEN.fullmatch(match.string, match.end(), start) is not None
        for start, _ in places
    )


def _direction(words: str) -> Direction:
    plain = words.lower().removeprefix("the ").lstrip("(")
    return Direction.MAX if plain.startswith(_UPWARDS) else Direction.MIN
