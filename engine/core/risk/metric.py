"""Risk rules about the printed metric and summary."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from engine.core.finding import Weight
from engine.core.risk.edit import Edit, Fact, lines_of, quote, where
from engine.core.risk.folding import TEXT, TEXT_METHODS, fold
from engine.core.risk.guarded import differences
from engine.core.risk.measured import (
    FIGURES,
    figures_slice,
    lines_printed,
    metric_slice,
    outputs,
)
from engine.core.risk.rule import Rule, RuleHit, change_hits, rule
from engine.core.risk.source import BUILTINS, ParsedSource

_NUMBER_METHODS = frozenset(
    (
        "__format__",
        "__float__",
        "__int__",
        "__index__",
        "__round__",
        "__ge__",
        "__gt__",
        "__le__",
        "__lt__",
    )
)


@rule("metric-value", Weight.BLOCK)
def metric_value(edit: Edit) -> Iterable[RuleHit]:
    """The line that prints the metric, or a statement its value comes from, back to the evaluation
    and through the file's own functions: a value that is measured differently is not comparable.
    """
    before, after = metric_slice(edit, edit.base), metric_slice(edit, edit.candidate)
    what = (
        f"how {quote(edit.context.metric)} is computed or printed, so its value can no longer be "
        "compared with earlier ones."
    )
    yield from change_hits(*differences(edit, before, after), what)


@rule("summary-value", Weight.BLOCK)
def summary_value(edit: Edit) -> Iterable[RuleHit]:
    """A summary line that the engine checks the metric against (seconds, steps, tokens, peak
    memory),
    or a statement its value comes from: false figures make the check worthless.
    """
    before, after = figures_slice(edit, edit.base), figures_slice(edit, edit.candidate)
    what = "the figures of the summary that the engine checks the metric against."
    yield from change_hits(*differences(edit, before, after), what)


@rule("metric-text", Weight.BLOCK)
def metric_text(edit: Edit) -> Iterable[RuleHit]:
    """New text that names the metric or begins like its line, also when built from parts, or a
    further `---` or summary figure: it may be read instead of the real result.
    """
    metric = edit.context.metric
    word = re.compile(rf"(?<!\w){re.escape(metric)}(?!\w)")
    keys = (metric, *FIGURES)

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.Constant, ast.JoinedStr, ast.BinOp, ast.Call):
            if not _may_be_text(node) or _is_piece(source, node):
                continue
            if word.search(fold(source, node)):
                yield f"text {source.code(node)}", node
        for call in outputs(source):
            lines = lines_printed(source, call)
            if any(_begins_like(line, key) for line in lines for key in keys) or "---" in lines:
                yield f"line {source.code(call)}", call

    added = edit.added(facts)
    if added:
        yield (
            where(added),
            f"The edit adds text that can be read as a line of the summary ({quote(metric)}), "
            "so a false result could replace the measured one.",
        )


def _may_be_text(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, str | bytes)
        case ast.BinOp(op=op):
            return isinstance(op, ast.Add | ast.Mod | ast.Mult)
        case ast.Call(func=ast.Attribute(attr=attr)):
            return attr in TEXT_METHODS
    return isinstance(node, ast.JoinedStr)


def _is_piece(source: ParsedSource, node: ast.AST) -> bool:
    """Return whether a string is part of a larger expression, which is examined as a whole."""
    return isinstance(source.parents.get(node), ast.JoinedStr | ast.FormattedValue | ast.BinOp)


def _begins_like(line: str, key: str) -> bool:
    known, _, rest = line.partition(TEXT)
    cut = TEXT in line or line == known
    if re.match(rf"{re.escape(key)}\s*[:=]", line):
        return True
    # "val_" followed by unknown text may be the metric's line; "v" alone is too short to tell.
    return cut and len(known) >= 3 and key.startswith(known) and (bool(rest) or TEXT in line)


@rule("computed-text", Weight.ASK)
def computed_text(edit: Edit) -> Iterable[RuleHit]:
    """New output whose line begins with text that is built while running (decoded, joined,
    reversed, passed on): what it prints cannot be known beforehand.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for call in outputs(source):
            lines = lines_printed(source, call)
            if any(line.startswith(TEXT) for line in lines) and _is_texty(source, call):
                yield source.code(call), call

    for node in edit.added(facts):
        yield (
            lines_of(node),
            f"The edit prints {quote(edit.candidate.code(node))}: its text is known only when it "
            "runs, and could look like a line of the summary.",
        )


def _is_texty(source: ParsedSource, call: ast.Call) -> bool:
    """Return whether an argument of an output call may be text that is built at run time."""
    makers = ("join", "decode", "format", "replace", "fromhex", "b64decode", "translate")
    for node in (n for a in call.args for n in source.within(a)):
        if isinstance(node, ast.Call):
            name = source.path(node.func).rpartition(".")[2]
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name in ("chr", "bytes", "bytearray", *makers) or method in makers:
                return True
        if isinstance(node, ast.Name):
            for b in source.by_name.get(node.id, []):
                if b.value is not None and any(
                    isinstance(n, ast.Constant) and isinstance(n.value, bytes | str)
                    for n in source.within(b.value)
                    if not isinstance(source.parents.get(n), ast.Subscript | ast.keyword)
                ):
                    return True
    return False


@rule("output-handed-on", Weight.ASK)
def output_handed_on(edit: Edit) -> Iterable[RuleHit]:
    """`print` or a stream used under another name or passed to something else: what is printed
    through it cannot be followed.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.Name, ast.Attribute):
            if not isinstance(node, ast.Name | ast.Attribute):
                continue
            if not isinstance(node.ctx, ast.Load):
                continue
            path = source.path(node)
            parent = source.parents.get(node)
            called = isinstance(parent, ast.Call) and parent.func is node
            if path == "print" and not called:
                yield path, node
            if (
                path in ("sys.stdout", "sys.__stdout__")
                and not isinstance(parent, ast.Attribute)
                and not isinstance(parent, ast.keyword)
            ):
                yield path, node

    added = edit.added(facts)
    if added:
        yield where(added), "The edit passes the output on, so what it prints cannot be followed."


@rule("output-replaced", Weight.BLOCK)
def output_replaced(edit: Edit) -> Iterable[RuleHit]:
    """Standard output redirected, replaced or reopened: everything printed, including the summary,
    can be altered.
    """
    redirect = re.compile(
        r"(^|\.)(redirect_stdout|redirect_stderr|dup2|TextIOWrapper)$|^(sys\.stdout|sys\.__stdout__"
        r"|sys\.stderr)\.(reconfigure|detach)$|^sys\.displayhook$"
    )

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for call in source.calls:
            if redirect.search(source.path(call.func)):
                yield source.code(call), call
        for b in source.bindings:
            if re.match(r"sys\.(stdout|stderr|__stdout__)\b", source.stored_path(b.name)):
                yield f"store {b.name}", b.node
        for node in source.nodes_of(ast.Constant):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and re.match(r"/dev/(stdout|stderr|fd/|tty)|/proc/self/fd", node.value)
            ):
                yield node.value, node

    added = edit.added(facts)
    if added:
        yield where(added), "The edit changes where the output goes, including the summary."


@rule("shadowed-builtin", Weight.BLOCK)
def shadowed_builtin(edit: Edit) -> Iterable[RuleHit]:
    """A built-in that the measurement uses (print, float, min, round …) redefined at module level,
    in `builtins`, or where the summary is printed.
    """
    slices = [metric_slice(edit, edit.base), figures_slice(edit, edit.base)]
    scopes = {edit.base.qualified(edit.base.scope(n)) for s in slices for _, n in s.facts}
    used = {"print", "format", "float", "round"} | {
        name for s in slices for name in s.called if name in BUILTINS
    }

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for b in source.bindings:
            if source.stored_path(b.name).startswith(("builtins.", "__builtins__.")):
                yield b.name, b.node
            at = source.qualified(b.scope)
            if b.name == "print" or (b.name in used and (not at or at in scopes)):
                yield b.name, b.node

    for node in edit.added(facts):
        yield lines_of(node), "The edit redefines a built-in that the summary uses."


@rule("number-disguised", Weight.BLOCK)
def number_disguised(edit: Edit) -> Iterable[RuleHit]:
    """A class that defines how it is formatted, rounded or compared as a number: the printed value
    would be chosen by the class.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.ClassDef, ast.FunctionDef):
            if isinstance(node, ast.ClassDef):
                for base in node.bases:
                    if source.path(base) in ("float", "int", "str"):
                        yield f"{node.name} {source.path(base)}", base
            if (
                isinstance(node, ast.FunctionDef)
                and node.name in _NUMBER_METHODS
                and isinstance(source.parents.get(node), ast.ClassDef)
            ):
                yield node.name, node
        for b in source.bindings:
            if b.name.rpartition(".")[2] in _NUMBER_METHODS and "." in b.name:
                yield b.name, b.node

    for node in edit.added(facts):
        yield lines_of(node), "The edit defines how a number is shown or compared."


RULES: tuple[Rule, ...] = (
    metric_value,
    summary_value,
    metric_text,
    output_replaced,
    shadowed_builtin,
    number_disguised,
    computed_text,
    output_handed_on,
)
