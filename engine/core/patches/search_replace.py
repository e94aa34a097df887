"""Extracts SEARCH/REPLACE blocks from a model's answer, and applies them all or not at all.

A block replaces whole lines:

    <<<<<<< SEARCH
    lines of the file
    =======
    the lines that replace them
    >>>>>>> REPLACE
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.core.patches.file_parts import is_joined, join_files, texts_of
from engine.core.patches.patch import PatchError

NEAREST_LINES = 12
"""Number of lines of the file quoted in the error for a block that does not fit."""

_CLIP = 300
_MARKER = re.compile(
    r"^ {0,3}(?:(?P<head><{5,9})[ \t]*SEARCH\b[^\n]*"
    r"|(?P<middle>={5,9})[ \t]*"
    r"|(?P<end>>{5,9})[ \t]*(?:REPLACE\b[^\n]*)?)$",
    re.MULTILINE | re.IGNORECASE,
)
_OPENING = re.compile(
    r"`{3,}(?:python|py|yaml|yml|toml|json|sh|bash|cpp|c\+\+|cuda|cu|julia|jl)\d?[ \t]*\n",
    re.IGNORECASE,
)
_FILE_LINE = re.compile(
    r"[#*_`\s]*(?:file(?:name)?\s*:[*_`\s]*)?([\w./-]{1,200}\.\w{1,8})[*_`:\s]*", re.IGNORECASE
)
_CLOSING = re.compile(r"(?:^|\n)`{3,}[ \t]*\n\Z")


@dataclass(frozen=True)
class Block:
    """A SEARCH/REPLACE block: lines to find in a file, and the lines that replace them.

    Each text is empty or ends in a newline.
    """

    search: str
    replace: str
    file: str = field(default="", compare=False)
    """The name that the line above the block gives, of several editable files; empty: none."""


@dataclass(frozen=True)
class FoundBlocks:
    """The SEARCH/REPLACE blocks of a model's answer, and the text around them."""

    blocks: tuple[Block, ...]
    outside: tuple[str, ...]
    """The text before, between and after the blocks."""
    unfinished: bool
    """True if a block did not end: the answer was cut off, or a marker is missing."""
    problem: str = ""
    """Why blocks could not be parsed, as sentences; empty if all could."""


class BlockError(PatchError):
    """Raised when a SEARCH/REPLACE block does not fit the file.

    Args:
        block: Number of the block in the answer, from 1.
        why: The reason, in one sentence.
        nearest: The most similar lines of the file with their numbers, at most `NEAREST_LINES`.
    """

    def __init__(self, block: int, why: str, nearest: str = "") -> None:
        super().__init__(
            f"SEARCH/REPLACE block {block} cannot be applied.",
            why,
            "Copy the lines to be replaced from the file, character by character.",
        )
        self.block = block
        self.nearest = nearest


def find_blocks(text: str) -> FoundBlocks:
    """Return every SEARCH/REPLACE block of an answer; fences and prose around them are allowed."""
    text = text.replace("\r\n", "\n")
    blocks: list[Block] = []
    outside: list[str] = []
    problems: list[str] = []
    unfinished = False
    head: re.Match[str] | None = None
    middles: list[re.Match[str]] = []
    position = 0
    for marker in _MARKER.finditer(text):
        if marker["head"]:
            if head is None:
                outside.append(text[position : marker.start()])
            else:
                unfinished = True
            head, middles = marker, []
        elif head is not None and marker["middle"]:
            middles.append(marker)
        elif head is not None and marker["end"]:
            block = _read_block(text, head, middles, marker, _file_above(text, head.start()))
            if isinstance(block, Block):
                blocks.append(block)
            else:
                problems.append(f"Block {len(blocks) + len(problems) + 1} {block}.")
            head, position = None, min(marker.end() + 1, len(text))
    if head is None:
        outside.append(text[position:])
    return FoundBlocks(
        tuple(blocks), tuple(outside), unfinished or head is not None, " ".join(problems)
    )


def _read_block(
    text: str, head: re.Match[str], middles: list[re.Match[str]], end: re.Match[str], file: str
) -> Block | str:
    """Return the block between its markers, or why it is invalid: a phrase after `Block N`."""
    if not middles:
        return "has no line of ======= between SEARCH and REPLACE"
    if len(middles) > 1:
        # An underlined title in a docstring looks like the divider, but rarely has its length.
        middles = [m for m in middles if len(m["middle"]) == len(head["head"])]
        if len(middles) != 1:
            return "has several possible ======= lines"
    middle = middles[0]
    return Block(
        _unfenced(text[head.end() + 1 : middle.start()]),
        _unfenced(text[middle.end() + 1 : end.start()]),
        file,
    )


def _file_above(text: str, position: int) -> str:
    """Return the file name on the last line before a position, fences left out; empty for none."""
    for line in reversed(text[max(0, position - 1000) : position].split("\n")):
        if line.strip() and not line.strip().startswith(("```", "~~~")):
            match = _FILE_LINE.fullmatch(line.strip())
            return match[1] if match is not None else ""
    return ""


def _unfenced(part: str) -> str:
    opening, closing = _OPENING.match(part), _CLOSING.search(part[-80:])
    if opening is None or closing is None:
        return part
    return part[opening.end() : len(part) - len(closing[0].lstrip("\n"))]


def apply_blocks(source: str, blocks: Sequence[Block]) -> str:
    """Return `source` with all blocks applied; each is matched against the original text.

    A block fits if its lines occur exactly once: literally; else shifted by a common indentation,
    which its replacement follows; else ignoring white space at line ends. The first of the three
    that matches anywhere decides. Equal blocks count once. In a text that holds several files, a
    block is matched with the file that it names, or with that which has its lines.

    Raises:
        BlockError: A block does not fit or fits more than once, is empty, or overlaps another.
    """
    if not is_joined(source):
        return _apply(source, list(enumerate(blocks, start=1)))
    texts = texts_of(source, "")
    by_file: dict[str, list[tuple[int, Block]]] = {}
    for number, block in enumerate(blocks, start=1):
        by_file.setdefault(_file_of(block, number, texts), []).append((number, block))
    return join_files({name: _apply(text, by_file.get(name, [])) for name, text in texts.items()})


def _file_of(block: Block, number: int, texts: Mapping[str, str]) -> str:
    """Return the name of the file, among several, that a block changes.

    Raises:
        BlockError: The block names none, and its lines are in several files or in none.
    """
    if block.file.removeprefix("./") in texts:
        return block.file.removeprefix("./")
    fitting = []
    for name, text in texts.items():
        try:
            _apply(text, [(number, block)])
        except BlockError as error:
            nearest = error.nearest
        else:
            fitting.append(name)
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(fitting or texts)
    raise BlockError(
        number,
        f"Its SEARCH part is found in {names}; write `FILE: ` and the name above the block."
        if fitting
        else f"Its SEARCH part is not found once in any of {names}.",
        "" if fitting else nearest,
    )


def _apply(source: str, blocks: Sequence[tuple[int, Block]]) -> str:
    """Return the text of one file with blocks applied, each given with its number in the answer."""
    crlf = "\r\n" in source and source.count("\r\n") == source.count("\n")
    text = source.replace("\r\n", "\n") if crlf else source
    lines = _lines(text)
    spans: dict[Block, tuple[int, int, list[str]]] = {}
    for number, block in blocks:
        if block in spans:
            continue
        start, new = _place(lines, block, number)
        stop = start + len(_lines(block.search))
        if any(start < other[1] and other[0] < stop for other in spans.values()):
            raise BlockError(
                number,
                "It changes lines that another block changes as well; combine the two.",
                _numbered(lines, range(start, min(stop, start + NEAREST_LINES))),
            )
        spans[block] = (start, stop, new)
    for start, stop, new in sorted(spans.values(), key=lambda span: span[0], reverse=True):
        lines[start:stop] = new
    ending = "\n" if lines and (text.endswith("\n") or not text) else ""
    result = "\n".join(lines) + ending
    return result.replace("\n", "\r\n") if crlf else result


def _place(lines: list[str], block: Block, number: int) -> tuple[int, list[str]]:
    """Return the index of the first line that a block replaces, and the lines to insert.

    Raises:
        BlockError: The block is empty, or does not fit exactly once.
    """
    search, new = _lines(block.search), _lines(block.replace)
    if not any(line.strip() for line in search):
        raise BlockError(number, "Its SEARCH part is empty; give the lines it replaces or adjoins.")
    exact = line_places(lines, search)
    if exact:
        return _only(lines, exact, number), new
    shifted = _find_shifted(lines, search)
    if shifted:
        start = _only(lines, list(shifted), number)
        moved = _shift(new, *shifted[start])
        if moved is None:
            raise BlockError(
                number,
                "Its indentation differs from the file's, so that REPLACE cannot follow it.",
                _numbered(lines, range(start, min(start + len(search), start + NEAREST_LINES))),
            )
        return start, moved
    loose = line_places([line.rstrip() for line in lines], [line.rstrip() for line in search])
    if loose:
        return _only(lines, loose, number), new
    raise BlockError(number, "Its SEARCH part is not in the file.", _nearest(lines, search))


def _only(lines: list[str], starts: list[int], number: int) -> int:
    if len(starts) == 1:
        return starts[0]
    where = ", ".join(str(start + 1) for start in starts[:8])
    more = ", …" if len(starts) > 8 else ""
    around = [range(max(0, at - 2), min(len(lines), at + 2)) for at in starts[:3]]
    raise BlockError(
        number,
        f"Its SEARCH part is found {len(starts)} times, at lines {where}{more}; "
        "add lines above or below until it is found once.",
        "\n     …\n".join(_numbered(lines, part) for part in around),
    )


def line_places(lines: list[str], search: list[str]) -> list[int]:
    """Return the index of each line at which some lines occur, in their order."""
    size = len(search)
    return [
        start
        for start in range(len(lines) - size + 1)
        if lines[start] == search[0] and lines[start : start + size] == search
    ]


def _find_shifted(lines: list[str], search: list[str]) -> dict[int, tuple[str, str]]:
    """Return where the searched lines match with another common indentation.

    Returns:
        For the index of each match's first line: the indentation to remove from the block's lines,
        and the one to add.
    """
    first = next(index for index, line in enumerate(search) if line.strip())
    bare = search[first].lstrip()
    found: dict[int, tuple[str, str]] = {}
    for start in range(len(lines) - len(search) + 1):
        here = lines[start + first]
        if here.lstrip() != bare:
            continue
        wanted, actual = search[first][: -len(bare)], here[: -len(bare)]
        if actual.endswith(wanted):
            less, more = "", actual[: len(actual) - len(wanted)]
        elif wanted.endswith(actual):
            less, more = wanted[: len(wanted) - len(actual)], ""
        else:
            continue
        if _shift(search, less, more) == [
            line if line.strip() else "" for line in lines[start : start + len(search)]
        ]:
            found[start] = (less, more)
    return found


def _shift(lines: list[str], less: str, more: str) -> list[str] | None:
    """Replace the indentation `less` by `more` in all lines; None if a line does not have it."""
    if any(line.strip() and not line.startswith(less) for line in lines):
        return None
    return [more + line[len(less) :] if line.strip() else "" for line in lines]


def _nearest(lines: list[str], search: list[str]) -> str:
    """Return the lines of the file most similar to the searched ones, numbered; empty if none."""
    scores = [0.0] * len(lines)
    for offset, wanted in enumerate(search[:NEAREST_LINES]):
        # The matcher caches its analysis of the second text.
        matcher = difflib.SequenceMatcher(None, "", wanted.strip()[:_CLIP], autojunk=False)
        known = {"": 0.0}
        for index, line in enumerate(lines):
            line = line.strip()[:_CLIP]
            if line not in known:
                matcher.set_seq1(line)
                promising = matcher.real_quick_ratio() > 0.5 and matcher.quick_ratio() > 0.5
                known[line] = matcher.ratio() if promising else 0.0
            scores[max(0, index - offset)] += known[line]
    if not scores or max(scores) == 0:
        return ""
    best = max(range(len(scores)), key=scores.__getitem__)
    start = max(0, best - 1)
    stop = min(len(lines), start + NEAREST_LINES, best + len(search) + 1)
    return _numbered(lines, range(start, stop))


def _numbered(lines: list[str], which: range) -> str:
    return "\n".join(f"{index + 1:>5} | {lines[index][:_CLIP]}" for index in which)


def _lines(text: str) -> list[str]:
    # Not splitlines(): a form feed or U+2028 inside a line must not split it.
    return text.removesuffix("\n").split("\n") if text else []
