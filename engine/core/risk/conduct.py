"""Rules about seeds, ways out of the run, swallowed errors and what the charter forbids."""

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
    """A random seed set, changed or taken away: a lucky seed looks like a gain."""

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.kind(ast.Call):
            match node:
                case ast.Call(func=function):
                    method = function.attr if isinstance(function, ast.Attribute) else ""
                    if _SEEDED.search(source.path(function) or f".{method}"):
                        yield source.show(node), node
        for b in source.bindings:
            if re.search(r"(^|_)seed(_|$)", b.name, re.I) and isinstance(b.value, ast.expr):
                yield f"{b.name} = {source.show(b.value)}", b.node

    added, removed = edit.added(facts), edit.removed(facts)
    for node in added:
        yield lines_of(node), "The edit changes a random seed: a lucky one looks like a gain."
    for node in removed if not added else ():
        yield (
            lines_of(node),
            "The edit removes a random seed (line of the base): luck may look like a gain.",
        )


@rule("exit-path", Weight.ASK)
def exit_path(edit: Edit) -> Iterable[RuleHit]:
    """A new way out of the run: exits, signal handlers, `atexit`, a `finally` that returns. What
    happens then is not measured, or happens after the measurement.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.kind(
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
        shown = quote(edit.candidate.show(node), 40)
        yield lines_of(node), f"The edit adds a way out of the run ({shown}) that nothing measures."


@rule("swallowed-error", Weight.ASK)
def swallowed_error(edit: Edit) -> Iterable[RuleHit]:
    """A broad `except` that does not raise again, or `suppress(Exception)`: the run would go on
    after a failure, and report a result of something else.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.kind(ast.ExceptHandler, ast.Call):
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
            "The edit goes on after any error, so a broken run may look like a result.",
        )


_FORBIDDEN = re.compile(
    r"\b(?:do not|don't|don’t|never|must not|may not)\s+(?:touch|change|modify|edit|alter|remove)\b"
    r"((?:[^`\n.;:]|`[^`\n]*`)*)",
    re.I,
)


def forbidden_names(program: str) -> tuple[str, ...]:
    """Names a charter forbids to touch: in backticks after `do not change` or the like.

    The form is: do not | don't | never | must not | may not, then touch | change | modify | edit |
    alter | remove, then names in backticks up to the end of the sentence or line. File names
    (`prepare.py`) are left out: the engine locks those.
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
    """A changed line that uses or defines a name the charter forbids to touch, in program.md as:
    do not change `NAME` (also don't, never, must not; touch, modify, edit, alter, remove).
    """
    names = forbidden_names(edit.setting.program)
    if not names:
        return
    # Whole statements: the value of a forbidden name may stand on a line of its own.
    spans = {name: _forbidden_lines(edit.candidate, name) & edit.sides[1] for name in names}
    for name in names:
        if spans[name]:
            yield tuple(sorted(spans[name])), f"The charter says not to touch {quote(name)}."
            continue
        gone = _forbidden_lines(edit.base, name) & edit.sides[0]
        if gone:
            yield (
                tuple(sorted(gone)),
                f"The charter says not to touch {quote(name)} (lines of the base).",
            )


def _forbidden_lines(source: ParsedSource, name: str) -> set[int]:
    """Lines of code that use a name, and all of what defines it; comments and texts left out."""
    found: set[int] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.NAME and token.string == name:
                found.add(token.start[0])
    except (tokenize.TokenError, SyntaxError):
        pass  # what parses may still end oddly for the tokenizer; the tree below has the rest
    for b in source.by_name.get(name, []):
        first = getattr(b.node, "lineno", None)
        if first is not None and isinstance(b.node, ast.stmt):
            code = {n.lineno for n in source.within(b.node) if isinstance(n, ast.stmt | ast.expr)}
            found |= code
    return found


RULES: tuple[Rule, ...] = (seed, exit_path, swallowed_error, charter)
