"""Finds the language of an editable file, checks its syntax, and compares versions of it."""

from __future__ import annotations

import ast
import hashlib
import json
import tomllib
import warnings
from enum import Enum
from pathlib import PurePath

from engine.core.patches.file_parts import heading_of, split_files


class Language(Enum):
    """What this program can do with an editable file depends on its language."""

    PYTHON = "Python"
    YAML = "YAML"
    TOML = "TOML"
    JSON = "JSON"
    PROSE = "text"
    """Text that is read by people or models, such as a prompt."""
    CODE = "code"
    """Code of another language, such as shell, C++, CUDA or Julia, which is not analysed."""

    @property
    def is_data(self) -> bool:
        """Return whether the file holds settings, whose numbers are knobs."""
        return self in (Language.YAML, Language.TOML, Language.JSON)

    @property
    def has_hash_comments(self) -> bool:
        """Return whether `#` begins a comment."""
        return self in (Language.PYTHON, Language.YAML, Language.TOML)


_BY_SUFFIX = {
    ".py": Language.PYTHON,
    ".pyw": Language.PYTHON,
    ".yaml": Language.YAML,
    ".yml": Language.YAML,
    ".toml": Language.TOML,
    ".json": Language.JSON,
    ".md": Language.PROSE,
    ".txt": Language.PROSE,
    ".rst": Language.PROSE,
    ".prompt": Language.PROSE,
    ".j2": Language.PROSE,
    ".jinja": Language.PROSE,
}


def language_of(name: str) -> Language:
    """Return the language of a file; a name without a suffix counts as Python, as scripts do."""
    suffix = PurePath(name).suffix.lower()
    if not suffix:
        return Language.CODE if PurePath(name).name == "Makefile" else Language.PYTHON
    return _BY_SUFFIX.get(suffix, Language.CODE)


def fence_name(name: str) -> str:
    """Return the word after the opening fence of a Markdown code block for a file."""
    language = language_of(name)
    if language is Language.PYTHON:
        return "python"
    if language is Language.PROSE:
        return "text"
    return PurePath(name).suffix.lower().removeprefix(".")


def syntax_problem(text: str, file: str) -> str:
    """Return why an edited text is invalid, as a sentence; "" where it is valid or not checked.

    Args:
        text: The text of one file, or of several with headings.
        file: The name of the file that a text without headings is.
    """
    parts = split_files(text, file)
    for part in parts:
        if problem := _problem_of_file(part.name, part.text):
            subject = part.name if len(parts) > 1 else "The edited file"
            return f"{subject} is not valid {language_of(part.name).value}: {problem}."
    return ""


def edit_problem(before: str, after: str, file: str) -> str:
    """Return why an edited text cannot take the place of another; "" where it can.

    Args:
        before: The text before the edit: of one file, or of several with headings.
        after: The text after it.
        file: The name of the file that a text without headings is.
    """
    names = [part.name for part in split_files(before, file)]
    if names != [part.name for part in split_files(after, file)]:
        headings = ", ".join(heading_of(name) for name in names)
        return f"The heading lines of the files must stay as they are: {headings}."
    return syntax_problem(after, file)


def _problem_of_file(name: str, text: str) -> str:
    try:
        match language_of(name):
            case Language.PYTHON:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    compile(text, name, "exec", dont_inherit=True)
            case Language.YAML:
                return _yaml_problem(text)
            case Language.TOML:
                tomllib.loads(text)
            case Language.JSON:
                json.loads(text)
            case Language.PROSE | Language.CODE:
                pass
    except (ValueError, SyntaxError, RecursionError, MemoryError, OverflowError) as error:
        return str(error) or type(error).__name__
    return ""


def _yaml_problem(text: str) -> str:
    import yaml  # type: ignore[import-untyped]  # not needed for Python files

    try:
        for _ in yaml.compose_all(text, Loader=yaml.SafeLoader):
            pass
    except yaml.YAMLError as error:
        return " ".join(str(error).split())
    return ""


def key_of(text: str, file: str = "train.py") -> str:
    """Return a hash that is equal for texts which mean the same; empty where one is invalid.

    White space and comments of Python, TOML and JSON do not count.

    Args:
        text: The text of one file, or of several with headings.
        file: The name of the file that a text without headings is.
    """
    try:
        keys = [(part.name, _key_of_file(part.name, part.text)) for part in split_files(text, file)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return keys[0][1] if len(keys) == 1 else _digest(json.dumps(keys))


def _key_of_file(name: str, text: str) -> str:
    match language_of(name):
        case Language.PYTHON:
            return source_key(text)
        case Language.TOML:
            return _digest(json.dumps(tomllib.loads(text), default=str))
        case Language.JSON:
            return _digest(json.dumps(json.loads(text)))
        case Language.YAML:
            lines = [line.rstrip() for line in text.splitlines()]
            return _digest("\n".join(x for x in lines if x and not x.lstrip().startswith("#")))
        case Language.PROSE | Language.CODE:
            return _digest("\n".join(line.rstrip() for line in text.splitlines()).strip())


def source_key(source: str) -> str:
    """Return a hash, sixteen hex digits, that is equal for sources with the same syntax tree.

    Raises:
        SyntaxError: The source is not valid Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError:
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"not readable as Python: {error}") from None
    try:
        shape = ast.unparse(tree)
    except (ValueError, RecursionError):
        # Python 3.11 cannot unparse every f-string.
        shape = ast.dump(tree)
    return hashlib.sha256(shape.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
