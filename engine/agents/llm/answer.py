"""Parses a language model's answer into its reasoning, header lines and edit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.core.patches.search_replace import Block, find_blocks
from engine.core.patches.unified_diff import FoundDiff, find_diff
from engine.core.text import one_line, sanitize

HYPOTHESIS_CHARACTERS = 300
RATIONALE_CHARACTERS = 4000
_PROSE = 100_000
"""The most characters read at the start, and at the end, of a long stretch of text."""
_KEPT_SHARE = 0.7
"""Share of a file's lines that a text must have, to be taken for the whole file unasked."""
FALLBACK_HYPOTHESIS = "edit of train.py"

_STEMS = {
    "architecture": ("architect", "model", "attention", "activation", "embedding", "layer"),
    "optimizer": ("optimi", "momentum", "adam", "muon", "learning rate", "learning-rate"),
    "schedule": ("schedul", "warm", "cooldown", "decay schedule", "anneal"),
    "data": ("data", "token", "batch", "curriculum"),
    "regularisation": ("regulari", "dropout", "weight decay", "weight-decay", "smoothing"),
    "efficiency": ("efficien", "speed", "throughput", "performance", "memory", "kernel", "compil"),
    "simplification": ("simpl", "clean", "remov", "refactor"),
}
_HEADER = re.compile(
    r"^(?:[-*+] +|\d{1,2}[.)] +)?(?:#{1,6} *)?[*_`]{0,3}"
    r"(HYPOTHESIS|CATEGORY|RATIONALE|EXPECTED)"
    r"(?: +(?:effect|result|outcome|change|gain|improvement))?"
    r"(?P<close>[*_`]{0,3}) *(?:[:：][*_`]{0,3}|$) *",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^ {0,3}(?P<run>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$", re.MULTILINE)
_FILE_NAME = re.compile(
    r"[#*_`]*(?:file(?:name)?: ?)?[*`]*[\w./-]{1,200}"
    r"\.(?:py|txt|md|ya?ml|toml|json|sh|c|cc|cpp|cu|cuh|h|hpp|jl)[*_`:]*",
    re.IGNORECASE,
)
_SAME_LANGUAGE = {
    "python": ("python", "py", "python3"),
    "yaml": ("yaml", "yml"),
    "yml": ("yaml", "yml"),
    "sh": ("sh", "bash", "shell"),
    "text": ("text", "txt", "markdown", "md"),
}
_SENTENCE = re.compile(r"[^.!?\n]{3,}(?:[.!?](?!\s|$)[^.!?\n]*)*")
_OPEN_TAG = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?(?:think|reasoning)", re.IGNORECASE)
_CLOSE_LINE = re.compile(r"^[ \t]{0,9}</(?:think|thinking|reasoning)>", re.IGNORECASE | re.M)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A language model's parsed answer. Without a `problem` it has blocks, a diff or a file."""

    hypothesis: str
    category: str
    rationale: str
    expected: str
    blocks: tuple[Block, ...]
    whole_file: str | None
    """Content of the only code fence if a whole file was asked for; None with blocks."""
    diff: FoundDiff | None = None
    """A unified diff, where there are no blocks."""
    fenced: str | None = None
    """Content of the only code fence where nothing else was found: a file or an excerpt."""
    problem: str
    """Why the answer holds no edit, as a message to the model; empty if it holds one."""


def parse_answer(text: str, *, whole_file_fence: str = "", other_fence: str = "") -> Answer:
    """Parse a model's complete answer. Never fails: missing parts get a fallback.

    Args:
        text: The complete answer.
        whole_file_fence: The language of the fence that is read as the whole file, such as
            `python`; empty: none is.
        other_fence: The language of the fence that may be the whole file or an excerpt, where the
            answer holds no other edit.
    """
    text = _after_thinking(text.replace("\r\n", "\n"))
    found = find_blocks(text)
    has_blocks = bool(found.blocks or found.unfinished or found.problem)
    diff = None if has_blocks else find_diff(text)
    headers: dict[str, str] = {}
    prose: list[str] = []
    for part in found.outside if diff is None else (diff.outside,):
        _read_headers(part, headers, prose)
    blocks, whole, fenced, problem = found.blocks, None, None, found.problem
    if found.unfinished and not problem:
        problem = "A SEARCH/REPLACE block has no end; perhaps the answer was cut off."
    elif not problem and not blocks and diff is None:
        problem = "The answer holds no SEARCH/REPLACE block."
        if whole_file_fence:
            whole, problem = _whole_file(text, whole_file_fence)
        elif other_fence:
            fenced, _ = _whole_file(text, other_fence)
    return Answer(
        hypothesis=_hypothesis(headers.get("hypothesis", ""), prose),
        category=_category(headers.get("category", "")),
        rationale=sanitize(headers.get("rationale", "")[:RATIONALE_CHARACTERS]).strip(),
        expected=one_line(headers.get("expected", ""), HYPOTHESIS_CHARACTERS),
        # An incomplete edit would be a different edit.
        blocks=() if problem else blocks,
        whole_file=whole,
        diff=diff,
        fenced=fenced,
        problem=problem,
    )


_LEFT_OUT = re.compile(
    r"^\s*(?:#|//)?\s*(?:\.\.\.|…)\s*(?:#.*)?$"
    r"|(?:#|//).*\b(?:rest of|remain(?:s|ing|der)|unchanged|existing code|same as (?:before|above)"
    r"|as before|omitted)\b",
    re.IGNORECASE,
)


def is_complete_file(text: str, base: str) -> bool:
    """Return whether a text is the whole of a file with a small change, and not an excerpt.

    Args:
        text: The text.
        base: The file before the change.
    """
    lines, before = text.splitlines(), base.splitlines()
    own, known = set(lines), set(before)
    if any(line not in known and _LEFT_OUT.search(line) for line in lines):
        return False
    kept = sum(line in own for line in before if line.strip())
    return kept >= _KEPT_SHARE * sum(bool(line.strip()) for line in before)


def _read_headers(part: str, headers: dict[str, str], prose: list[str]) -> None:
    """Add the header values of some text to `headers`, and its other lines to `prose`.

    Args:
        part: A stretch of the answer outside SEARCH/REPLACE blocks.
        headers: Values by lower-case header name, changed in place; the first value counts.
        prose: Lines outside headers and fences, changed in place.
    """
    name, value, fence = "", list[str](), ""

    def close() -> None:
        while value and (not value[-1].strip() or _FILE_NAME.fullmatch(value[-1][:250])):
            value.pop()
        if name and not headers.get(name):
            headers[name] = "\n".join(value).strip()

    if len(part) > 2 * _PROSE:
        part = f"{part[:_PROSE]}\n{part[-_PROSE:]}"
    for raw in part.split("\n"):
        line = raw.strip()
        mark = _FENCE.match(raw[:200]) if line[:3] in ("```", "~~~") else None
        if fence:
            if mark and not mark["info"].strip() and mark["run"].startswith(fence):
                fence = ""
        elif mark:
            close()
            name, fence = "", mark["run"]
        elif header := _HEADER.match(line):
            close()
            name, value = header[1].lower(), [line[header.end() :]]
        elif name == "rationale" or (name and (line or value == [""])):
            if line or value[-1]:
                value.append(line)
        elif name:
            # A blank line ends every value except the rationale.
            close()
            name = ""
        elif line:
            prose.append(line)
    close()


def _hypothesis(header: str, prose: list[str]) -> str:
    text = one_line(header.split("\n\n")[0], HYPOTHESIS_CHARACTERS).strip("*_`\"'“” ")
    if text:
        return text
    for line in prose:
        sentence = None if _FILE_NAME.fullmatch(line[:250]) else _SENTENCE.search(line[:2000])
        if sentence:
            text = one_line(sentence[0], HYPOTHESIS_CHARACTERS).strip("*_`#>\"'“” -")
            if text:
                return text
    return FALLBACK_HYPOTHESIS


def _category(header: str) -> str:
    text = header[:200].lower()
    places = [
        (text.find(stem), name)
        for name, stems in _STEMS.items()
        for stem in (name, *stems)
        if stem in text
    ]
    return min(places)[1] if places else "other"


def _whole_file(text: str, language: str) -> tuple[str | None, str]:
    """Return the content of the only fence of a language and "", or None and the reason."""
    fences = list(_FENCE.finditer(text))
    names = _SAME_LANGUAGE.get(language, (language,))
    openings = [mark for mark in fences if mark["info"].strip().lower() in names]
    if not openings:
        return None, f"The answer holds no ```{language} fence."
    if len(openings) > 1:
        return None, f"The answer holds {len(openings)} fences of {language} instead of one."
    opening = openings[0]
    after = [mark for mark in fences if mark.start() > opening.end()]
    closings = [
        mark
        for mark in after
        if not mark["info"].strip() and mark["run"].startswith(opening["run"])
    ]
    if not closings:
        return None, f"The ```{language} fence has no end; perhaps the answer was cut off."
    # Docstrings of the file may contain fences.
    closing = closings[-1] if len(closings) == len(after) else closings[0]
    return text[opening.end() + 1 : closing.start()], ""


def _after_thinking(text: str) -> str:
    """Return the text without `<think>` parts, and without anything before a lone `</think>`."""
    if not _ANY_TAG.search(text):
        return text
    splitter = ThinkSplitter()
    parts = [*splitter.feed(text), *splitter.finish()]
    text = "".join(part for kind, part in parts if kind == "answer")
    for tag in reversed(list(_CLOSE_LINE.finditer(text))[-3:]):
        before = find_blocks(text[: tag.start()])
        if not before.unfinished:
            return text[tag.end() :]
    return text


class ThinkSplitter:
    """Splits a model's stream with inline `<think>…</think>` into reasoning and answer.

    Tags may also be `<thinking>` and `<reasoning>`. Inside a SEARCH/REPLACE block or a code fence
    such a tag is code and stays.
    """

    def __init__(self) -> None:
        self._held = self._tag = self._line = self._fence = ""
        self._block = False

    def feed(self, delta: str) -> list[tuple[str, str]]:
        """Split the next piece of the stream into ("reasoning" | "answer", text) pairs, in order.

        The possible beginning of a tag is held back until the next call.
        """
        text, self._held = self._held + delta, ""
        out: list[tuple[str, str]] = []
        position = 0
        while position < len(text):
            kind = "reasoning" if self._tag else "answer"
            tag = (re.compile(f"</{self._tag}>", re.IGNORECASE) if self._tag else _OPEN_TAG).search(
                text, position
            )
            if tag is None:
                stop = len(text) - self._hold(text[max(position, len(text) - 16) :])
                self._say(out, kind, text[position:stop])
                self._held = text[stop:]
                break
            self._say(out, kind, text[position : tag.start()])
            if self._tag:
                self._tag = ""
            elif self._block or self._fence:
                self._say(out, kind, tag[0])
            else:
                self._tag = tag[1].lower()
            position = tag.end()
        return out

    def finish(self) -> list[tuple[str, str]]:
        """Return the text held back as pairs like those of `feed`; call it once the stream ends."""
        out: list[tuple[str, str]] = []
        self._say(out, "reasoning" if self._tag else "answer", self._held)
        self._held = ""
        return out

    def _hold(self, tail: str) -> int:
        """Return the number of characters at the end of `tail` that may begin a tag."""
        tags = (f"</{self._tag}>",) if self._tag else ("<think>", "<thinking>", "<reasoning>")
        start = tail.rfind("<")
        rest = tail[start:].lower()
        return len(rest) if start >= 0 and any(tag.startswith(rest) for tag in tags) else 0

    def _say(self, out: list[tuple[str, str]], kind: str, text: str) -> None:
        if not text:
            return
        if kind == "answer":
            first, *others = text.split("\n")
            self._line = (self._line + first[:16])[:16]
            for other in others:
                self._end_line()
                self._line = other[:16]
        if out and out[-1][0] == kind:
            out[-1] = (kind, out[-1][1] + text)
        else:
            out.append((kind, text))

    def _end_line(self) -> None:
        line = self._line.strip()
        if line.startswith("<<<<<"):
            self._block = True
        elif line.startswith(">>>>>"):
            self._block = False
        elif not self._block and line.startswith(("```", "~~~")):
            if not self._fence:
                self._fence = line[:3]
            elif line.startswith(self._fence):
                self._fence = ""
