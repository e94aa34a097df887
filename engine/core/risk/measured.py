"""Finds where a training file evaluates, prints its summary, and reads clocks and time budget."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from engine.core.risk.edit import Edit
from engine.core.risk.folding import TEXT, fold
from engine.core.risk.slicing import Slice
from engine.core.risk.source import ParsedSource
from engine.core.risk.tree import FunctionNode

FIGURES = ("training_seconds", "total_seconds", "peak_vram_mb", "num_steps", "total_tokens_M")
"""Names of the summary lines, besides the metric, that the engine checks."""
BUDGET = re.compile(
    r"(^|[._])(TIME_BUDGET|BUDGET\w*|TIME_LIMIT\w*|MAX_(TRAIN\w*_)?(TIME|SECONDS|MINUTES)"
    r"|TRAIN\w*_(SECONDS|MINUTES)|time_budget|budget_s\w*|time_limit|max_seconds|deadline|DEADLINE)$"
)
CLOCKS = frozenset(
    f"time.{name}{unit}"
    for name in ("time", "perf_counter", "monotonic", "process_time", "thread_time")
    for unit in ("", "_ns")
) | {"timeit.default_timer", "datetime.datetime.now", "time.clock_gettime"}
_OUTPUT = re.compile(
    r"^(print|sys\.(stdout|stderr|__stdout__|__stderr__)(\.buffer)?\.(write|writelines)|os\.write"
    r"|os\.writev|logging\.\w+|click\.(echo|secho)|rich\.print|tqdm\.tqdm\.write|warnings\.warn"
    r"|sys\.exit|SystemExit|exit|quit)$"
)
_LOGGER = re.compile(r"\.(write|writelines|info|warning|error|critical|debug|log|echo)$")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def outputs(source: ParsedSource) -> list[ast.Call]:
    """Return the calls of a text that print or log something."""
    return source.cached(
        "outputs", lambda: [call for call in source.calls if _is_output(source, call)]
    )


def _is_output(source: ParsedSource, call: ast.Call) -> bool:
    method = f".{call.func.attr}" if isinstance(call.func, ast.Attribute) else ""
    return bool(_OUTPUT.match(source.path(call.func)) or _LOGGER.search(method))


def printed(source: ParsedSource, call: ast.Call) -> str:
    """Return the text that an output call writes, with TEXT and NUMBER for unknown parts."""
    separator = next((fold(source, k.value) for k in call.keywords if k.arg == "sep"), " ")
    end = next((fold(source, k.value) for k in call.keywords if k.arg == "end"), "\n")
    parts = [TEXT if isinstance(a, ast.Starred) else fold(source, a) for a in call.args]
    if source.path(call.func) in ("os.write", "logging.log"):
        parts = parts[1:]
    return separator.join(parts) + end


def lines_printed(source: ParsedSource, call: ast.Call) -> list[str]:
    """Return the lines that an output call writes, without escape codes and indents.

    The engine reads a run's output in the same way. Unknown parts are TEXT and NUMBER.
    """
    text = _ESCAPE.sub("", printed(source, call))
    if text.strip() and not text.endswith(("\n", "\r", " ", TEXT)):
        text += TEXT  # the line is unfinished: the next output continues it
    return [line.lstrip() for line in re.split(r"[\r\n]", text)]


def is_line_of(line: str, name: str) -> bool:
    """Return whether a printed line has the form `name: value` or `name=value`."""
    return re.match(rf"{re.escape(name)}\s*[:=]", line) is not None


def reports(source: ParsedSource, name: str) -> list[ast.AST]:
    """Return the statements that print the line `name: value` for a name.

    Without any, those with a string literal that contains the name as a word.
    """
    found = [
        source.statement(call)
        for call in outputs(source)
        if any(is_line_of(line, name) for line in lines_printed(source, call))
    ]
    if found:
        return found
    word = re.compile(rf"(?<![\w]){re.escape(name)}(?![\w])")
    texts = [
        n
        for n in source.nodes_of(ast.Constant)
        if isinstance(n.value, str) and word.search(n.value)
    ]
    simple = [source.statement(n) for n in texts]
    return [s for s in dict.fromkeys(simple) if not isinstance(s, FunctionNode | ast.ClassDef)]


def metric_slice(edit: Edit, source: ParsedSource) -> Slice:
    """Return the slice of a text that the printed metric is computed from; cached."""

    def build() -> Slice:
        result = Slice(source, edit.harness, bodies=True)
        for statement in reports(source, edit.context.metric):
            result.add_statement(statement)
        return result

    return source.cached(("metric", edit.context.metric, edit.context.harness), build)


def figures_slice(edit: Edit, source: ParsedSource) -> Slice:
    """Return the slice of a text that the printed lines named in FIGURES come from; cached."""

    def build() -> Slice:
        result = Slice(source, edit.harness, bodies=False)
        for name in FIGURES:
            for call in outputs(source):
                if any(is_line_of(line, name) for line in lines_printed(source, call)):
                    result.add_statement(source.statement(call))
        return result

    return source.cached(("figures", edit.context.harness), build)


def clock_slice(edit: Edit, source: ParsedSource) -> Slice:
    """Return the slice of a text that decides when the time budget is used up; cached."""

    def build() -> Slice:
        result = Slice(source, edit.harness, bodies=False)
        for test, holder in budget_tests(source):
            result.add_condition(test, holder)
        return result

    return source.cached(("clock", edit.context.harness), build)


def budget_tests(source: ParsedSource) -> Iterator[tuple[ast.expr, ast.AST]]:
    """Yield conditions that end a loop and compare with the budget, with their `if` or `while`.

    A condition counts if it makes the comparison itself, or reads a name that holds its result.
    """
    decided = {
        b.name
        for b in source.bindings
        if b.value is not None
        and any(_is_budget_compare(source, n) for n in source.within(b.value))
    }
    for node in source.nodes_of(ast.While, ast.If):
        if isinstance(node, ast.While) or (isinstance(node, ast.If) and _leaves(source, node)):
            names = {n.id for n in source.within(node.test) if isinstance(n, ast.Name)}
            if (
                any(_is_budget_compare(source, n) for n in source.within(node.test))
                or names & decided
            ):
                yield node.test, node


def _leaves(source: ParsedSource, node: ast.If) -> bool:
    return any(
        isinstance(n, ast.Break | ast.Return | ast.Raise)
        or (isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "exit")
        for s in (*node.body, *node.orelse)
        for n in source.within(s)
    )


def _is_budget_compare(source: ParsedSource, node: ast.AST) -> bool:
    return isinstance(node, ast.Compare) and any(
        isinstance(n, ast.Name | ast.Attribute) and BUDGET.search(source.path(n) or source.code(n))
        for n in source.within(node)
    )


def is_clock_read(source: ParsedSource, node: ast.AST) -> bool:
    """Return whether a node contains a call that reads a clock."""
    return any(
        isinstance(n, ast.Call)
        and (
            source.path(n.func) in CLOCKS
            or (isinstance(n.func, ast.Attribute) and n.func.attr == "elapsed_time")
        )
        for n in source.within(node)
    )


def evaluations(edit: Edit) -> set[str]:
    """Return the dotted paths of the harness's functions that compute the metric."""
    called = {
        path
        for source in (edit.base, edit.candidate)
        for path in metric_slice(edit, source).called
        if edit.harness.match(path)
    }
    named = {
        path
        for source in (edit.base, edit.candidate)
        for path in source.imports.values()
        if edit.harness.match(path) and re.search(r"eval", path.rpartition(".")[2])
    }
    measuring = {
        p for p in called if not re.search(r"load|device|token|memory", p.rpartition(".")[2])
    }
    return measuring | {p for p in named if not p.rpartition(".")[2].isupper()}
