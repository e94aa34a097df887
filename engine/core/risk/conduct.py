"""Risk rules about seeds, exits of the run, swallowed errors and what program.md forbids."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator

from engine.core.finding import Weight
from engine.core.risk.edit import Edit, Fact, lines_of, quote
from engine.core.risk.rule import Rule, RuleHit, rule
from engine.core.risk.source import ParsedSource

_SEEDED = re.compile(
    r"(^|\.)(manual_seed|manual_seed_all|seed|seed_all|set_rng_state|default_rng|RandomState|fork_rng"
    r"|PRNGKey|SeedSequence|initial_seed|set_seed|seed_everything)$"
)
_EXITS = re.compile(
    r"^(sys\.exit|exit|quit|os\._exit|os\.abort|SystemExit|KeyboardInterrupt|GeneratorExit)$"
    r"|^(signal|atexit)(\.|$)|^os\.kill$|^faulthandler\."
)
_BROAD = ("", "Exception", "BaseException")


@rule("seed", Weight.ASK)
def seed(edit: Edit) -> Iterable[RuleHit]:
    """A random seed set, changed or removed: a lucky seed looks like an improvement."""

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.Call):
            match node:
                case ast.Call(func=function):
                    method = function.attr if isinstance(function, ast.Attribute) else ""
                    if _SEEDED.search(source.path(function) or f".{method}"):
                        yield source.code(node), node
        for b in source.bindings:
            if re.search(r"(^|_)seed(_|$)", b.name, re.I) and isinstance(b.value, ast.expr):
                yield f"{b.name} = {source.code(b.value)}", b.node

    added, removed = edit.added(facts), edit.removed(facts)
    for node in added:
        yield (
            lines_of(node),
            "The edit changes a random seed: a lucky one looks like an improvement.",
        )
    for node in removed if not added else ():
        yield (
            lines_of(node),
            "The edit removes a random seed (line of the base): luck may look like an improvement.",
        )


@rule("exit-path", Weight.ASK)
def exit_path(edit: Edit) -> Iterable[RuleHit]:
    """A new way to exit the run: exits, signal handlers, `atexit`, a `finally` that returns. What
    follows is not measured, or follows the measurement.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(
            ast.Name, ast.Attribute, ast.Import, ast.ImportFrom, ast.Try, ast.FunctionDef
        ):
            match node:
                case ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()):
                    if isinstance(source.parents.get(node), ast.Attribute):
                        continue
                    if _EXITS.search(path := source.path(node)):
                        yield path, node
                case ast.Import(names=names):
                    for a in names:
                        if _EXITS.search(a.name):
                            yield a.name, node
                case ast.ImportFrom(module=str(module)) if _EXITS.search(module):
                    yield module, node
                case ast.Try(finalbody=[_, *_] as body):
                    for n in (n for s in body for n in source.within(s)):
                        if isinstance(n, ast.Return | ast.Break | ast.Continue):
                            yield "finally", n
                case ast.FunctionDef(name="__del__"):
                    yield "__del__", node

    for node in edit.added(facts):
        shown = quote(edit.candidate.code(node), 40)
        yield lines_of(node), f"The edit adds a way to exit the run ({shown}) that is not measured."


@rule("swallowed-error", Weight.ASK)
def swallowed_error(edit: Edit) -> Iterable[RuleHit]:
    """A broad `except` that does not raise again, or `suppress(Exception)`: the run would continue
    after a failure and report a misleading result.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.ExceptHandler, ast.Call):
            match node:
                case ast.ExceptHandler(type=kind, body=body):
                    names = [kind] if not isinstance(kind, ast.Tuple) else kind.elts
                    broad = any((source.path(n) if n is not None else "") in _BROAD for n in names)
                    raises = any(isinstance(n, ast.Raise) for s in body for n in source.within(s))
                    if broad and not raises:
                        yield "except", node
                case ast.Call(args=args) if source.path(node.func).endswith("suppress"):
                    if any(source.path(a) in _BROAD for a in args):
                        yield "suppress", node

    for node in edit.added(facts):
        yield (
            lines_of(node),
            "The edit continues after any error, so a broken run may look like a result.",
        )


_FORBIDDEN = re.compile(
    r"\b(?:do not|don't|don’t|never|must not|may not)\s+(?:touch|change|modify|edit|alter|remove)\b"
    r"((?:[^`\n.;:]|`[^`\n]*`)*)",
    re.I,
)


def forbidden_names(program: str) -> tuple[str, ...]:
    """Return the names that program.md forbids to change; empty if it forbids none.

    They stand in backticks after `do not change` or a similar phrase: do not | don't | never | must
    not | may not, then touch | change | modify | edit | alter | remove, then names in backticks up
    to the end of the sentence or line. File names (`prepare.py`) are left out, since the engine
    locks those files.
    """
    names: list[str] = []
    for sentence in _FORBIDDEN.finditer(program):
        for quoted in re.findall(r"`([^`\n]+)`", sentence[1]):
            name = quoted.strip().removesuffix("()").rpartition(".")[2]
            if name.isidentifier() and not quoted.strip().endswith(".py"):
                names.append(name)
    return tuple(dict.fromkeys(names))


@rule("charter", Weight.ASK)
def charter(edit: Edit) -> Iterable[RuleHit]:
    """A changed line that uses or defines a name that program.md forbids to change, in the form: do
    not change `NAME` (also don't, never, must not; touch, modify, edit, alter, remove).
    """
    names = forbidden_names(edit.context.program)
    if not names:
        return
    # Whole statements: the value of a forbidden name may be on another line.
    spans = {name: _forbidden_lines(edit.candidate, name) & edit.sides[1] for name in names}
    for name in names:
        if spans[name]:
            yield tuple(sorted(spans[name])), f"program.md says not to change {quote(name)}."
            continue
        removed = _forbidden_lines(edit.base, name) & edit.sides[0]
        if removed:
            yield (
                tuple(sorted(removed)),
                f"program.md says not to change {quote(name)} (lines of the base).",
            )


def _forbidden_lines(source: ParsedSource, name: str) -> set[int]:
    """Return the numbers of the lines that use a name or belong to its definition.

    Uses in comments and string literals do not count.
    """
    found: set[int] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.NAME and token.string == name:
                found.add(token.start[0])
    except (tokenize.TokenError, SyntaxError):
        pass  # the tokenizer rejects some texts that parse; the syntax tree below has the rest
    for b in source.by_name.get(name, []):
        first = getattr(b.node, "lineno", None)
        if first is not None and isinstance(b.node, ast.stmt):
            code = {n.lineno for n in source.within(b.node) if isinstance(n, ast.stmt | ast.expr)}
            found |= code
    return found


RULES: tuple[Rule, ...] = (seed, exit_path, swallowed_error, charter)
