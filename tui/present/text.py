"""Untrusted text made harmless: what an agent wrote or a log holds is shown as text alone."""

from __future__ import annotations

import re

_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    # OSC, DCS, SOS, PM, APC: only when terminated, so that an open one cannot hide what follows it.
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]+[0-~]"  # character sets and the like
    r"|\x1b[0-Z\\^_`a-~]"  # two-character escapes
)
# C0 but tab and newline, DEL, C1, soft hyphen, zero-width, bidi controls, line separators,
# interlinear marks, tags, and lone surrogates, which cannot be encoded for the terminal at all.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_TAB_CELLS = 4


def clean(text: str) -> str:
    """The text without escapes, control characters (but tab and newline), bidi and zero width."""
    if _UNSAFE.search(text) is None:
        return text
    text = _SEQUENCE.sub("", text)
    text = _BREAKS.sub("\n", text)
    return _UNSAFE.sub("", text)


def clean_line(text: str) -> str:
    """The same as one line: line breaks become spaces, tabs their width."""
    text = clean(text)
    if "\n" in text:
        text = " ".join(text.split("\n"))
    return text.expandtabs(_TAB_CELLS) if "\t" in text else text


def one_line(text: str, limit: int | None = None) -> str:
    """Untrusted text on one line, without control characters, cut to a width."""
    flat = " ".join(clean(text).split())
    return flat if limit is None or len(flat) <= limit else flat[: max(1, limit - 1)] + "…"
