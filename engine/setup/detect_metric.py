"""Detects the metric of a script from the texts in its source that a run may print.

The source is parsed and not run. Of several, that which the workspace's documents state as the
goal counts, then the usual names. Where nothing tells them apart, the user is asked.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping

from engine.core.direction_statement import stated_direction
from engine.core.errors import UsageError
from engine.core.metric_direction import words_of

DEFAULT_METRIC = "val_bpb"
_FIELD = "\0"
"""Stands for a value in the text of an f-string or a format."""
_NAME = r"[A-Za-z][\w./@-]{1,40}"
_PRINTED = re.compile(
    rf"(?<![\w./@-])(?<!{_FIELD})(?:METRIC[ \t]+)?({_NAME})[ \t]*[:=][ \t]*"
    rf"(?:[\"'$]?{_FIELD}|%|\{{|[-+]?\.?\d|\s*\Z)"
)
_SPACED = re.compile(rf"(?<![\w.])(?<!{_FIELD})([A-Za-z]+ [A-Za-z]+)[ \t]*[:= \t][ \t]*{_FIELD}")
_TABLE = re.compile(rf"[│|┃]\s*({_NAME})\s*[│|┃]\s*{_FIELD}")
_SHELL = re.compile(rf"METRIC[ \t]+({_NAME})=")
_LIKE = re.compile(
    r"bpb|loss|acc|score(?!d|r)|error|rmse|mse|mae|f1|auc|perplexity|ppl|reward|metric|psnr|ssim|bleu|wer|fid"
    r"|sharpe|pnl|iou|dice|corr|ndcg|mrr|recall|precision",
    re.I,
)
_HELD_OUT = re.compile(r"val|test|eval|dev", re.I)
_VALIDATION = re.compile(r"valid(?:ation)?\Z")
_UNLIKELY = 2
_GREP = re.compile(r"\bgrep\s+(?:-\w+\s+)*[\"']\^?([\w./@-]+)[:=]?[ ]?[\"']")
"""Matches a command that reads one value from a log, such as `grep "^val_bpb:" run.log`."""
_HEADER = re.compile(r"^[ ]*commit(?:\t|[ ]*[,|][ ]*)([\w./@-]+)", re.M)
"""Matches the header of a results table, whose first column after the commit is the metric."""
_OUTPUT = ("print", "log", "info", "write", "dumps", "dump", "log_metrics", "log_dict")
_NO_OUTPUT = ("input", "add_argument", "Argument", "Option", "ArgumentParser", "getpass")
"""Functions whose texts are prompts and help."""
_COLOUR = re.compile(
    r"RED|GREEN|BLUE|CYAN|YELLOW|MAGENTA|WHITE|GR[AE]Y|BOLD|DIM|RESET|END|BRIGHT|COLOU?R|UNDERLINE"
)
_TRACKERS = ("wandb", "mlflow", "neptune", "aim", "comet", "comet_ml", "swanlab", "trackio")


def find_metric(
    texts: Mapping[str, str], documents: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Return the metric that some files print, and a short text that tells where it was found.

    Args:
        texts: The text of each file by its name, the editable file first.
        documents: The text of program.md and the like by their names, the most telling first.

    Raises:
        UsageError: No metric is printed, or it cannot be told which one counts.
    """
    printed: dict[str, str] = {}
    tracked: dict[str, str] = {}
    for name, text in texts.items():
        for found, to_tracker in _named_values(text):
            (tracked if to_tracker else printed).setdefault(found, name)
    found_name = _choose(printed, documents or {}, "printed")
    if found_name is None and not any(map(_LIKE.search, printed)):
        found_name = _choose(tracked, documents or {}, "logged")
    if found_name is not None:
        return found_name
    listed = [n for n in printed if " " not in n or _rank(n) < _UNLIKELY]
    listed.sort(key=_rank)
    raise UsageError(
        f"The metric cannot be detected in {next(iter(texts), 'the script')}.",
        f"It prints: {', '.join(listed[:12])}." if listed else "No `name: value` is printed.",
        "Name it with --metric; where the run does not print it, add --metric-from.",
    )


def _without_variants(names: Iterable[str]) -> list[str]:
    """Return names without those that differ from an earlier one in case, signs or `val` only."""
    found: dict[tuple[str, ...], str] = {}
    for name in names:
        words = tuple(_VALIDATION.sub("val", word) for word in words_of(name))
        found.setdefault(words, name)
    return list(found.values())


def _choose(
    names: Mapping[str, str], documents: Mapping[str, str], verb: str
) -> tuple[str, str] | None:
    """Return the metric among some names, with the reason; None where nothing tells it."""
    documented = _documented(names, documents)
    if documented is not None:
        return documented
    usual = [DEFAULT_METRIC] if DEFAULT_METRIC in names else []
    likely = _without_variants(name for name in names if _rank(name) < _UNLIKELY)
    held_out = [name for name in likely if _rank(name) == 0]
    for group in (usual, held_out, likely, list(names)):
        if len(group) == 1:
            return group[0], f"{verb} by {names[group[0]]}"
    return None


def _rank(name: str) -> int:
    """Return how unlikely a name is that of the metric: 0, 1 or `_UNLIKELY`."""
    if not _LIKE.search(name):
        return _UNLIKELY
    return 0 if _HELD_OUT.search(name) else 1


def _documented(names: Mapping[str, str], documents: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the one of some names that a document gives as the metric, with the reason.

    Names of one word, such as `loss`, are also those of other things: a goal counts only where it
    has the name as code.
    """
    for document, text in documents.items():
        goals = {}
        for name in names:
            telling = name in text if len(words_of(name)) > 1 else f"`{name}`" in text
            stated = stated_direction(text, name) if telling else None
            if stated is not None:
                goals[name] = stated[1]
        if len(goals) == 1:
            ((name, sentence),) = goals.items()
            return name, f'{document} says "{sentence}"'
        for pattern, reason in (
            (_GREP, f"{document} reads it from the log"),
            (_HEADER, f"the first column of the table in {document}"),
        ):
            read = [n for n in dict.fromkeys(pattern.findall(text)) if n in (goals or names)]
            if len(read) == 1:
                return read[0], reason
    return None


def _named_values(source: str) -> Iterator[tuple[str, bool]]:
    """Yield the names before the values in the texts of a source, in their order.

    With each comes whether only a tracker such as wandb gets it.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        shell = rf"[\"'](?:\\n)?({_NAME})[ ]?[:=](?:\s|[\"'{{%$])"
        for name in (*_SHELL.findall(source), *re.findall(shell, source)):
            yield name, False
        return
    inside = set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inside.add(id(node.value))  # a docstring
        if id(node) in inside:
            continue
        if isinstance(node, ast.Raise | ast.Assert) or (
            isinstance(node, ast.Call) and _called(node.func) in _NO_OUTPUT
        ):
            inside |= {id(part) for part in ast.walk(node)}
        elif isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            for name in _names_in("".join(map(_as_text, node.values))):
                yield name, False
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = re.sub(r"%[-+0-9.]*[a-z]|\{[^{}]*\}", _FIELD, node.value)
            for name in _names_in(text):
                yield name, False
        elif isinstance(node, ast.Call) and _called(node.func) in _OUTPUT:
            for name in _names_of_dicts(node):
                yield name, _root(node.func).removesuffix("_run") in _TRACKERS


def _as_text(part: ast.expr) -> str:
    """Return a part of an f-string as text: a field is a sign, and a colour code is a space."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    value = part.value if isinstance(part, ast.FormattedValue) else part
    name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
    return " " if name.isupper() and _COLOUR.search(name) else _FIELD


def _root(function: ast.expr) -> str:
    while isinstance(function, ast.Attribute):
        function = function.value
    return getattr(function, "id", "")


def _names_in(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        for pattern in (_PRINTED, _TABLE, _SPACED):
            yield from pattern.findall(line)


def _called(function: ast.expr) -> str:
    """Return the last name of a function that is called: `log` for `wandb.log`."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _names_of_dicts(call: ast.Call) -> Iterator[str]:
    """Yield the keys of the dictionaries that a call writes."""
    for argument in call.args:
        if isinstance(argument, ast.Dict):
            for key in argument.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value
