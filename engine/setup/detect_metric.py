"""Detects the metric of a script from the texts in its source that a run may print.

The source is parsed and not run. Where several are printed and nothing tells them apart, the user
is asked.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping

from engine.core.errors import UsageError

DEFAULT_METRIC = "val_bpb"
_FIELD = "\0"
"""Stands for a value in the text of an f-string or a format."""
_NAME = r"[A-Za-z][\w./@-]{1,40}"
_PRINTED = re.compile(
    rf"(?<![\w./@-])(?:METRIC[ \t]+)?({_NAME})[ \t]*[:=][ \t]*(?:[\"'$]?{_FIELD}|%|\{{|\Z|\s*\Z)"
)
_SPACED = re.compile(rf"(?<![\w.])([A-Za-z]+ [A-Za-z]+)[ \t]*:?[ \t]+{_FIELD}")
_TABLE = re.compile(rf"[│|┃]\s*({_NAME})\s*[│|┃]\s*{_FIELD}")
_SHELL = re.compile(rf"METRIC[ \t]+({_NAME})=")
_LIKE = re.compile(
    r"bpb|loss|acc|score|error|rmse|mse|mae|f1|auc|perplexity|ppl|reward|metric|psnr|ssim|bleu|wer|fid",
    re.I,
)
_HELD_OUT = re.compile(r"val|test|eval|dev", re.I)


def find_metric(texts: Mapping[str, str]) -> tuple[str, str]:
    """Return the metric that some files print, and a short text that tells where it was found.

    Args:
        texts: The text of each file by its name, the editable file first.

    Raises:
        UsageError: No metric is printed, or it cannot be told which one counts.
    """
    printed: dict[str, str] = {}
    for name, text in texts.items():
        for found in _printed_names(text):
            printed.setdefault(found, name)
    if DEFAULT_METRIC in printed:
        return DEFAULT_METRIC, f"printed by {printed[DEFAULT_METRIC]}"
    likely = [n for n in printed if _LIKE.search(n)]
    held_out = [n for n in likely if _HELD_OUT.search(n)]
    for group in (held_out, likely, list(printed)):
        if len(group) == 1:
            return group[0], f"printed by {printed[group[0]]}"
    raise UsageError(
        "The metric cannot be detected in the script.",
        f"It prints: {', '.join(list(printed)[:12])}."
        if printed
        else "No `name: value` is printed.",
        "Name it with --metric; where the run does not print it, add --metric-from.",
    )


def _printed_names(source: str) -> Iterator[str]:
    """Yield the names before the values in the texts of a source, in their order."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield from _SHELL.findall(source)
        yield from re.findall(rf"[\"'](?:\\n)?({_NAME})[ ]?[:=](?:\s|[\"'{{%$])", source)
        return
    inside = set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            inside.add(id(node.value))  # a docstring
        elif isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else _FIELD
                for part in node.values
            )
            yield from _names_in(text)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in inside:
                yield from _names_in(re.sub(r"%[-+0-9.]*[a-z]|\{[^{}]*\}", _FIELD, node.value))
        elif isinstance(node, ast.Call) and _is_output(node.func):
            yield from _names_of_dicts(node)


def _names_in(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        for pattern in (_PRINTED, _TABLE, _SPACED):
            yield from pattern.findall(line)


def _is_output(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("print", "log", "info", "write", "dumps", "dump", "log_metrics", "log_dict")


def _names_of_dicts(call: ast.Call) -> Iterator[str]:
    """Yield the keys of the dictionaries that a call writes."""
    for argument in call.args:
        if isinstance(argument, ast.Dict):
            for key in argument.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value
