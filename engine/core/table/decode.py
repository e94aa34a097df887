"""Decodes the bytes of a table file to text; an unknown encoding is guessed, never an error."""

from __future__ import annotations

import codecs
import re

from engine.core.table.status_words import CHINESE

_SAMPLE = 65_536
_BOMS = (
    (codecs.BOM_UTF8, "utf-8", ""),
    (
        codecs.BOM_UTF32_LE,
        "utf-32-le",
        "UTF-32",
    ),  # begins with the mark of UTF-16, so it is tested first
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_WRITTEN_REPLACEMENT = "\ufffd".encode()
_BINARY_SHARE = 0.05
_MAGIC = (b"PAR1", b"PK\x03\x04", b"\x89PNG", b"\x1f\x8b", b"SQLite format 3", b"\x7fELF", b"%PDF")


def decode(data: bytes) -> tuple[str, list[str]]:
    """Return a file's text, and notes for the user on an unusual encoding. Never raises."""
    notes: list[str] = []
    text = _decode(data, notes)
    if "\x00" in text:
        notes.append(f"{text.count(chr(0))} NUL characters were dropped")
        text = text.replace("\x00", "")
    return text, notes


def looks_binary(data: bytes) -> bool:
    """Return whether bytes are not text but a picture, an archive, a Parquet file or the like."""
    if data.startswith(_MAGIC):
        return True
    # Not the text that `decode` returns, which has no NULs.
    sample = data[:_SAMPLE]
    text = _decode(sample, [])
    # A replacement character in the file itself is not a broken byte.
    odd = len(_CONTROL.findall(text)) - sample.count(_WRITTEN_REPLACEMENT)
    return odd > _BINARY_SHARE * max(len(text), 40)


def _decode(data: bytes, notes: list[str]) -> str:
    for mark, codec, name in _BOMS:
        if data.startswith(mark):
            if name:
                notes.append(f"{name} text")
            return _wide(data[len(mark) :], codec)
    wide = _unmarked_utf16(data)
    if wide:
        notes.append("UTF-16 text without a byte order mark")
        return _wide(data, wide)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(data) - 3 and error.reason == "unexpected end of data":
            return data[: error.start].decode("utf-8")  # cut within its last character
    return _decode_broken(data, notes)


def _wide(data: bytes, codec: str) -> str:
    """Decode bytes as UTF-8, UTF-16 or UTF-32, dropping an incomplete unit at the end."""
    unit = {"8": 1, "16": 2, "32": 4}[codec.split("-")[1]]
    return data[: len(data) - len(data) % unit].decode(codec, "replace")


def _unmarked_utf16(data: bytes) -> str:
    sample = data[:_SAMPLE]
    half = len(sample) // 2
    if half < 2:
        return ""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    # Latin letters, the most frequent in a table, have a zero as their high byte.
    if odd > 0.3 * half and even < 0.02 * half:
        return "utf-16-le"
    if even > 0.3 * half and odd < 0.02 * half:
        return "utf-16-be"
    return ""


def _decode_broken(data: bytes, notes: list[str]) -> str:
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    if sum(c > "\x7f" for c in text[:_SAMPLE]) > 2 * text[:_SAMPLE].count("\ufffd"):
        notes.append(f"{bad} bytes are not UTF-8 and were replaced")
        return text
    try:
        chinese = data.decode("gb18030")
        if any(word in chinese for word in CHINESE):
            notes.append("GB 18030 text")
            return chinese
    except UnicodeDecodeError:
        pass
    notes.append("not UTF-8; read as Windows Latin")
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")
