"""Sanitizes untrusted text for showing and storing; formats durations and plurals.

Agent output, log bytes and table cells may hold terminal escapes, characters that reorder or hide
what is read, and line breaks where one line is expected. `sanitize` and `one_line` are the only two
functions that remove them.
"""

from __future__ import annotations

import re

INSTRUCTION_CHARACTERS = 4000
"""The most characters of a pin, ban, note or reason that the user writes for the agent."""

_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    # OSC, DCS, SOS, PM, APC: only when terminated, so that an open one cannot hide what follows it.
    # No introducer within the body: each is scanned once, and the whole text in linear time.
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\n\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]+[0-~]"  # character sets
    r"|\x1b[0-Z\\^_`a-~]"  # two-character escapes
)
_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_UNSAFE_RANGES = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 except tab and newline, DEL, C1
    "\u2028\u2029\ud800-\udfff\ufffe\uffff"  # line separators, surrogates, noncharacters
    # Bidi and other format characters, and those that Unicode calls default-ignorable: they are
    # drawn as nothing, so that two different texts look the same.
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0"
    "\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Marks drawn over the character before them (Latin, Cyrillic, Hebrew, Arabic, Thai, Lao, symbols)
# and the two selectors of text or emoji style.
_MARK_RANGES = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0e31\u0e34-\u0e3a"
    "\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    "\u3099\u309a\ufe0e\ufe0f\ufe20-\ufe2f"
)
_UNSAFE = re.compile(f"[{_UNSAFE_RANGES}]")
_MARKED = re.compile(rf"(?!\r\n)[{_UNSAFE_RANGES}]")
_MARK = re.compile("⟨U\\+([0-9A-F]{4,6})⟩")
_SUSPECT = re.compile(f"[{_UNSAFE_RANGES}{_MARK_RANGES}]")
_EXCESS_MARK = re.compile(f"[{_MARK_RANGES}](?<=[{_MARK_RANGES}]{{5}})")
"""Matches the fifth combining mark on one character and those after it: no language has so many."""


def sanitize(text: str, *, line_break: str = "\n") -> str:
    """Return the text without terminal escapes, control, bidi, format and invisible characters.

    Tabs stay; every kind of line break becomes `line_break`; a character keeps at most four
    combining marks.

    Args:
        text: Any text; it may contain lone surrogates.
        line_break: The text put for each line break; a space gives one line and keeps its blanks.
    """
    if _SUSPECT.search(text) is not None:
        text = _BREAK.sub("\n", _SEQUENCE.sub("", text))
        text = _EXCESS_MARK.sub("", _UNSAFE.sub("", text))
    return text if line_break == "\n" else text.replace("\n", line_break)


def one_line(text: str, limit: int | None = None) -> str:
    """Return sanitized text on one line, each run of blanks and line breaks as one space.

    Args:
        text: Any text.
        limit: The most characters to return; a longer text is cut and ends in "…".
    """
    line = " ".join(sanitize(text).split())
    if limit is None or len(line) <= limit:
        return line
    return f"{line[: max(1, limit - 1)].rstrip()}…"


def escape_invisible(text: str) -> str:
    r"""Return the text with each control, bidi, format and invisible character as `\uXXXX`.

    Tabs and line breaks stay. In JSON the escapes mean the same characters.
    """
    return _UNSAFE.sub(lambda match: _escape(match[0]), text)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def mark_invisible(text: str) -> str:
    """Return the text with a mark such as `⟨U+200B⟩` in place of each character that is not seen.

    Tabs and line breaks stay. `unmark_invisible` is the inverse.
    """
    return _MARKED.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def unmark_invisible(text: str) -> str:
    """Return the text with the characters that the marks of `mark_invisible` stand for."""
    return _MARK.sub(_unmark, text)


def _unmark(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    hidden = number <= 0x10FFFF and _MARKED.fullmatch(chr(number))
    return chr(number) if hidden else match[0]


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun, such as `1 row` or `2,000 rows`.

    Args:
        count: The number of things.
        one: The noun in the singular.
        many: The noun in the plural; empty: the singular and an "s".
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def short_id(patch_id: str) -> str:
    """Return the first twelve digits of a patch_id, as people read and type it."""
    return patch_id[:12]


def duration(seconds: float) -> str:
    """Return a duration in its one or two largest units: `7 h 12 min`, `3 min 20 s`, `4.2 s`."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    days, hours = divmod(hours, 24) if hours >= 72 else (0, hours)
    units = [f"{days} d"] if days else []
    units += [f"{hours} h"] if hours or not days else []
    units += [f"{minutes} min"] if minutes and not days else []
    return " ".join(units)
