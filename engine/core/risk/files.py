"""Assesses an edit of several files, or of a file in another language than Python.

The rules read Python. Of a file of settings, only the names of the changed values are checked, and
nothing of a prompt. Code in other languages can do anything, so that the user decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from engine.core.finding import Finding, Weight
from engine.core.patches.file_parts import split_files
from engine.core.patches.language import Language, language_of
from engine.core.patches.place import changes_between, enclosing, marked_lines
from engine.core.risk.assessment import RULES, assess, by_weight
from engine.core.risk.context import RiskContext
from engine.core.risk.edit import quote
from engine.core.risk.rule import Rule

_RULE = "not-python"
_GUARDED = re.compile(
    r"(?<![a-z])(?:seeds?|rng|random_state|eval\w*|val|valid\w*|tests?|holdout|heldout|metrics?\w*"
    r"|splits?|data(?:set|sets|dir|_dir|_path|_files|_root)?|tokenizer\w*|vocab\w*|budget\w*"
    r"|time\w*|max_time|deadline|ckpt\w*|checkpoint\w*|resume\w*|pretrained\w*|init_from"
    r"|_target_|target|class_path|module|script|command|entry\w*|python)(?![a-z])"
    r"|!!python",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"(?<![a-z])(?:(?:max|num|total|n|train)_?)*(?:epochs?|steps|iters|iterations|duration)(?![a-z])",
    re.IGNORECASE,
)
_KEY = re.compile(r"[\s\-\"'\[{]*([\w.\-!/]+)")


def assess_files(
    base: str, candidate: str, context: RiskContext, rules: Sequence[Rule] = RULES
) -> tuple[Finding, ...]:
    """Return the findings about an edit of the editable files, the heaviest first.

    With several files, the name of the file begins each message.

    Args:
        base: The text before the edit: of one file, or of several with headings.
        candidate: The text after it, which holds the same files.
        context: The session's metric, harness, program.md and memory; its `file` is the name of the
            file that a text without headings is.
        rules: The rules to apply to Python files.
    """
    before = split_files(base, context.file)
    after = {part.name: part.text for part in split_files(candidate, context.file)}
    found: list[Finding] = []
    for part in before:
        new = after.get(part.name, "")
        if new == part.text:
            continue
        if language_of(part.name) is Language.PYTHON:
            findings = assess(part.text, new, replace(context, file=part.name), rules)
        else:
            findings = tuple(_other_language(part.name, part.text, new))
        lead = f"{part.name}: " if len(before) > 1 else ""
        found += [Finding(f.rule, f.weight, f.lines, lead + f.message) for f in findings]
    return by_weight(found)


def _other_language(name: str, base: str, candidate: str) -> Iterator[Finding]:
    language = language_of(name)
    old, new = marked_lines(base), marked_lines(candidate)
    changes = changes_between(old, new)
    lines = tuple(
        sorted({n for change in changes_between(new, old) for n in range(change.start, change.end)})
    )
    if language is Language.CODE:
        message = "The risk check reads Python only, and this is code of another language."
        yield Finding(_RULE, Weight.ASK, lines, message)
        return
    if language.is_data:
        for index in sorted({i for change in changes for i in change.anchor if change.removed}):
            yield from _guarded(old, index, removed=True)
        for number in lines:
            yield from _guarded(new, number, removed=False)
    message = f"Only the names of changed values are checked, as this is {language.value}."
    if not language.is_data:
        message = "Nothing is checked, as this is a text."
    yield Finding(_RULE, Weight.NOTE, lines, message)


def _guarded(lines: list[str], index: int, *, removed: bool) -> Iterator[Finding]:
    """Yield a finding about a changed line whose name, or that of its section, is guarded."""
    line = lines[index]
    key = _KEY.match(line)
    if not line.strip() or line.lstrip().startswith(("#", "//")) or key is None:
        return
    sections = [*enclosing(lines, index), _table_above(lines, index)]
    named = [text for text in (key[1], *map(_name, sections)) if _GUARDED.search(text)]
    what = "determine what is trained on, run or measured"
    if not named and _AMOUNT.search(key[1]):
        named, what = [key[1]], "determine how long a run trains"
    if not named and re.search(r"!!python|\$\{.*:", line):
        named, what = [line.strip()], "run code"
    if named:
        at = () if removed else (index,)
        message = f"The edit changes {quote(line.strip())}, which may {what}."
        yield Finding("guarded-setting", Weight.ASK, at, message)


def _name(section: str) -> str:
    key = _KEY.match(section)
    return key[1] if key is not None else ""


def _table_above(lines: list[str], index: int) -> str:
    """Return the name of the TOML table that a line is in; empty where there is none."""
    headers = (re.match(r"\s*\[+([^\[\]]+)\]+\s*(?:#|$)", line) for line in lines[index::-1])
    return next((header[1] for header in headers if header is not None), "")
