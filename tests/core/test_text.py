"""The two functions that make untrusted text safe, against the hostile corpus; words for counts."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.text import (
    duration,
    escape_invisible,
    mark_invisible,
    one_line,
    plural,
    sanitize,
    unmark_invisible,
)
from tests.hostile import CORPUS, FLOODS, HUGE, INVISIBLE, unsafe_in

ANY_TEXT = st.one_of(st.text(st.characters()), st.sampled_from(CORPUS))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 中 ● 👍 ⚠️", "plain ä 中 ● 👍 ⚠️"),
        ("a\x1b[31mb\x1b[0mc", "abc"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]52;c;aGk=\x1b\\b", "ab"),
        ("a\x1bPq#0\x1b\\b", "ab"),
        ("a\x9b31mb\x9d0;t\x9cc", "abc"),
        ("an open one \x1b]0;hides nothing", "an open one ]0;hides nothing"),
        ("\x1b(0lqk\x1b(B", "lqk"),
        ("a\x1b", "a"),
        ("a\x1bcb", "ab"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("a\tb", "a\tb"),
        ("\x00\x08\x0e\x7f\x80\x9f", ""),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\ud800", ""),
        ("e\u0301 " + "e" + "\u0301" * 9, "e\u0301 " + "e" + "\u0301" * 4),
        ("[bold]no markup[/]", "[bold]no markup[/]"),
    ],
)
def test_sanitize(text: str, shown: str) -> None:
    assert sanitize(text) == shown


def test_every_unsafe_character_is_removed_and_no_other() -> None:
    kept = ("Cc", "Cf", "Cs", "Zl", "Zp")
    for number in range(sys.maxunicode + 1):
        c = chr(number)
        if c in INVISIBLE or (
            unicodedata.category(c) in kept and c not in "\t\n\r\v\f\x85\u2028\u2029"
        ):
            assert sanitize(c) == "", hex(number)
        elif unicodedata.category(c)[0] in "LNPS" and c not in "\u115f\u1160\u3164\uffa0\ufffc":
            assert sanitize(c) == c, hex(number)


@given(ANY_TEXT)
def test_nothing_unsafe_is_left(text: str) -> None:
    assert not unsafe_in(sanitize(text), allowed="\t\n")
    assert not unsafe_in(one_line(text))
    assert sanitize(sanitize(text)) == sanitize(text)
    assert one_line(one_line(text)) == one_line(text)


@pytest.mark.parametrize("text", [*CORPUS, *HUGE], ids=range(len(CORPUS) + len(HUGE)))
def test_the_corpus_is_made_safe(text: str) -> None:
    assert not unsafe_in(sanitize(text), allowed="\t\n")
    line = one_line(text, 80)
    assert not unsafe_in(line)
    assert len(line) <= 80
    assert "  " not in line
    line.encode()


@pytest.mark.parametrize("text", FLOODS)
def test_a_character_keeps_few_marks(text: str) -> None:
    assert len(sanitize(text)) == 5


@given(st.text(), st.integers(2, 100))
def test_a_cut_line_says_so(text: str, limit: int) -> None:
    whole, cut = one_line(text), one_line(text, limit)
    assert len(cut) <= limit
    assert cut == whole if len(whole) <= limit else cut.endswith("…")


def test_a_line_may_keep_its_blanks() -> None:
    assert sanitize("  a\n\tb\r\n", line_break=" ") == "  a \tb "


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (4.25, "4.2 s"),
        (59.4, "59 s"),
        (200, "3 min 20 s"),
        (600, "10 min"),
        (7200, "2 h"),
        (26_000, "7 h 13 min"),
        (90 * 3600, "3 d 18 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_plurals() -> None:
    assert plural(1, "row") == "1 row"
    assert plural(0, "match", "matches") == "0 matches"
    assert plural(2000, "row") == "2,000 rows"


@given(st.text())
def test_marks_show_what_is_hidden_and_lose_nothing(text: str) -> None:
    marked = mark_invisible(text.replace("⟨", "<"))
    assert unsafe_in(marked, allowed="\n\t\r") == set()
    assert unmark_invisible(marked) == text.replace("⟨", "<")


@pytest.mark.parametrize("text", ["⟨U+0041⟩", "⟨U+FFFFFF⟩", "⟨U+⟩", "a\r\nb"])
def test_marks_of_visible_characters_are_text(text: str) -> None:
    assert unmark_invisible(text) == text == mark_invisible(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_with_escapes_means_the_same(text: str) -> None:
    escaped = escape_invisible(json.dumps(text, ensure_ascii=False))
    assert unsafe_in(escaped, allowed="\n\t") == set()
    assert json.loads(escaped) == text
