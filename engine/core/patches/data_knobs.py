"""Finds the knobs of YAML, TOML and JSON files: their single values, named `optimizer.lr`.

Only the characters of a value are replaced, so that comments, order and layout stay.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from engine.core.patches.knob_kinds import KnobKind, infer_kind, knob_word
from engine.core.patches.knob_literals import KnobError, Scalar
from engine.core.patches.language import Language

if TYPE_CHECKING:
    import yaml  # type: ignore[import-untyped]

_NAME = re.compile(r"[\w-]+")
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"[A-Za-z][\w.+-]*")
_FIXED_SECTION = re.compile(
    r"(^|\.)(eval\w*|val|valid\w*|test\w*|metrics?|logg\w*|wandb|checkpoint\w*|tokenizer|hydra)\."
)
_AMOUNT = re.compile(
    r"(^|_)(EPOCHS?|(MAX_|NUM_|TOTAL_|N_|TRAIN_)*(STEPS|ITERS|ITERATIONS)|DURATION)$"
)
"""How long a run trains, which is the budget of a script that reads it from a file."""
_TOML_HEADER = re.compile(r"[ \t]*\[([\w.\- ]+)\][ \t]*(?:#.*)?\r?")
_TOML_VALUE = re.compile(
    r"[ \t]*([\w-]+(?:\.[\w-]+)*)[ \t]*=[ \t]*"
    r"(\"[^\"\\]*\"|'[^']*'|[^\s\[{\"'#,][^\s#,]*)[ \t]*(?:#[ \t]*(.*?))?\s*"
)


def data_literals(text: str, language: Language) -> Iterator[tuple[str, int, int, str]]:
    """Yield the name, start, end and comment of each single value in a file of settings.

    Args:
        text: The text of the file.
        language: YAML, TOML or JSON.

    Raises:
        KnobError: The text is not valid.
    """
    if language is Language.TOML:
        yield from _toml_literals(text)
    else:
        yield from _yaml_literals(text, language)


def data_scalar(literal: str) -> Scalar | None:
    """Return the value of a literal of YAML, TOML or JSON; None for null and for other texts."""
    if literal in ("true", "false"):
        return literal == "true"
    if _NUMBER.fullmatch(literal):
        plain = literal.replace("_", "")
        if re.fullmatch(r"[-+]?\d+", plain):
            # A leading zero is an octal number in YAML 1.1, and is invalid in the others.
            return None if re.match(r"[-+]?0\d", plain) else int(plain)
        return float(plain)
    quoted = re.fullmatch(r"\"([^\"\\\n]*)\"|'([^'\n]*)'", literal)
    if quoted is not None:
        return quoted[1] if quoted[1] is not None else quoted[2]
    if _WORD.fullmatch(literal) and literal.lower() not in _OTHER_WORDS:
        return literal
    return None


_OTHER_WORDS = frozenset(("null", "yes", "no", "on", "off", "true", "false", "inf", "nan"))


def is_amount(name: str) -> bool:
    """Return whether a setting is how long a run trains, by its name."""
    return _AMOUNT.search(knob_word(name)) is not None


def data_kind(name: str, literal: str, comment: str) -> tuple[KnobKind, tuple[Scalar, ...]]:
    """Return the kind of a value and the values it may take, from its name and comment."""
    value = data_scalar(literal)
    word = knob_word(name)
    if value is None or _FIXED_SECTION.search(name.lower()) or is_amount(name):
        return KnobKind.FIXED, ()
    return infer_kind(word, literal, value, comment)


def _yaml_literals(text: str, language: Language) -> Iterator[tuple[str, int, int, str]]:
    import yaml  # not needed for Python files

    try:
        # JSON is read as YAML, which gives the places of its values.
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise KnobError(
            f"The file is not valid {language.value}.",
            " ".join(str(error).split()),
            "Correct the file first.",
        ) from None
    # The positions of the parser do not count a byte order mark.
    shift = int(text.startswith("\ufeff"))
    seen: set[int] = set()
    for document in documents:
        for name, node in _scalars(document, ""):
            start, end = node.start_mark.index + shift, node.end_mark.index + shift
            if start in seen or data_scalar(text[start:end]) is None:
                continue  # an alias of another value, or not one word
            seen.add(start)
            comment = re.compile(r"[,\]} \t]*#[ \t]*([^\r\n]*)").match(text, end)
            yield name, start, end, comment[1].rstrip() if comment else ""


def _scalars(node: yaml.Node | None, path: str) -> Iterator[tuple[str, yaml.ScalarNode]]:
    """Yield the scalars below a node of a YAML document, with their dotted names."""
    import yaml

    if isinstance(node, yaml.ScalarNode) and path:
        yield path.removesuffix("."), node
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and _NAME.fullmatch(key.value):
                yield from _scalars(value, f"{path}{key.value}.")
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _scalars(item, f"{path}{index}.")


def _toml_literals(text: str) -> Iterator[tuple[str, int, int, str]]:
    try:
        values = tomllib.loads(text.replace("\r\n", "\n").removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise KnobError(
            "The file is not valid TOML.", f"{error}.", "Correct the file first."
        ) from None
    section, start = "", 0
    for line in text.splitlines(keepends=True):
        if header := _TOML_HEADER.fullmatch(line.rstrip("\n")):
            section = f"{header[1].replace(' ', '')}."
        elif line.lstrip().startswith("[["):
            section = "\0"  # its tables have no names
        elif match := _TOML_VALUE.fullmatch(line.rstrip("\n")):
            name, value = section + match[1], data_scalar(match[2])
            # A line of a text over several lines is not a setting.
            if value is not None and _at(values, name) == value:
                yield name, start + match.start(2), start + match.end(2), match[3] or ""
        start += len(line)


def _at(values: Any, name: str) -> object:
    for part in name.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values
