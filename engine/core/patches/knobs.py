"""The knobs of a training file: its module-level `ALL_CAPS = literal` lines, edited in place.

Only the characters of a literal are ever replaced; comments, alignment and line ends stay.
"""

from __future__ import annotations

import ast
import io
import operator
import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.core.errors import AutoresearchError

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...]


class KnobError(AutoresearchError):
    """A source or a literal that cannot be worked with."""


class KnobKind(StrEnum):
    """How a knob may move."""

    LOG = "log"
    """By factors: learning rates, decays, epsilons."""
    POWER_OF_TWO = "power of two"
    RATIO = "ratio"
    """Between 0 and 1."""
    INTEGER = "integer"
    ENUM = "enum"
    """One of a few words, a pattern of letters, or a truth value."""
    FIXED = "fixed"
    """Not to be touched: seeds, budgets, evaluation, paths, and what nothing is known of."""


@dataclass(frozen=True)
class Part:
    """One scalar of a knob: the whole of it, or an element of its tuple."""

    literal: str
    value: Scalar
    kind: KnobKind
    start: int
    """Where it begins in the knob's literal, in characters."""
    choices: tuple[Scalar, ...] = ()
    """Of an enum: what it may become, its own value among them; of a pattern: what is near."""


@dataclass(frozen=True)
class Knob:
    """One `NAME = literal` of a source."""

    name: str
    literal: str
    value: Value
    kind: KnobKind
    """Of a mixed tuple: that of the first part that may move."""
    span: tuple[int, int]
    """Of the literal in the source, in characters."""
    comment: str
    """What follows on the same line, without the sign."""
    parts: tuple[Part, ...]


def find_knobs(source: str) -> tuple[Knob, ...]:
    """All knobs of a Python source in their order, fixed ones among them.

    Raises:
        KnobError: The source does not parse.
    """
    tree = _parse(source)
    text = _Text(source)
    # Where a name is set twice or shadows an import, one line does not decide what it is.
    times: Counter[str] = Counter()
    for item in ast.walk(tree):
        match item:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                times[name] += 1
            case ast.alias(name=name, asname=other):
                times[other or name] += 1
    found = []
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=node):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as node):
                pass
            case _:
                continue
        value = _evaluate(node)
        if value is None or not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            continue
        start, end = text.span(node)
        comment = text.comment_after(end)
        scalars = value if isinstance(value, tuple) else (value,)
        parts = []
        for child, scalar in zip(_elements(node), scalars, strict=True):
            first, last = text.span(child)
            literal = source[first:last]
            kind, choices = infer_kind(name, literal, scalar, comment)
            kind = kind if times[name] == 1 else KnobKind.FIXED
            parts.append(Part(literal, scalar, kind, first - start, choices))
        kind = next(
            (part.kind for part in parts if part.kind is not KnobKind.FIXED), KnobKind.FIXED
        )
        span = (start, end)
        found.append(Knob(name, source[start:end], value, kind, span, comment, tuple(parts)))
    return tuple(found)


def knob_changes(old: str, new: str) -> dict[str, tuple[str, str]]:
    """The knobs whose literals an edit changed, to their old and new ones; empty where it changed
    anything else beside comments and blank space, or one of the files does not parse.
    """
    try:
        before = {knob.name: knob.literal for knob in find_knobs(old)}
        after = {knob.name: knob.literal for knob in find_knobs(new)}
        if before.keys() != after.keys():
            return {}
        changed = {n: (before[n], after[n]) for n in before if before[n] != after[n]}
        edited = set_knobs(old, {name: literal for name, (_, literal) in changed.items()})
        same = ast.dump(ast.parse(edited)) == ast.dump(ast.parse(new))
    except (KnobError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return changed if same else {}


def set_knobs(source: str, literals: Mapping[str, str]) -> str:
    """The source with the literals of some knobs replaced, every other character kept.

    Raises:
        KnobError: The source does not parse, has no such knob, or a new text is no literal.
    """
    knobs = {knob.name: knob for knob in find_knobs(source)}
    changes = []
    for name, literal in literals.items():
        if name not in knobs:
            raise KnobError(
                f"The file has no knob {name}.", f"It has: {', '.join(knobs) or 'none'}."
            )
        if literal != knobs[name].literal and not is_literal(literal):
            raise KnobError(
                f"{literal!r} is no value for {name}.",
                "It must be one number, string, truth value or tuple of them, without a comment.",
            )
        changes.append((*knobs[name].span, literal))
    for start, end, literal in sorted(changes, reverse=True):
        source = source[:start] + literal + source[end:]
    return source


def is_literal(text: str) -> bool:
    """Whether a text is a knob's literal and nothing more, without blank or bracket around it."""
    try:
        match _parse(f"X = {text}").body:
            case [ast.Assign(targets=[_], value=node)]:
                span = _Text(f"X = {text}").span(node)
                return _evaluate(node) is not None and span == (4, 4 + len(text))
    except KnobError:
        pass
    return False


_NOT_OURS = re.compile(
    r"SEED|^LOG_|^DEVICE(?!_BATCH)|(^|_)(RNG|\w*FLOPS|TIME|BUDGET|TIMEOUT|DEADLINE|EVAL|VAL|VALID"
    r"|VALIDATION|TEST|METRIC|VOCAB|DTYPE|PATH|DIR|FILE|FILENAME|URL|CACHE|VERSION|LOGGING|PRINT"
    r"|VERBOSE|DEBUG|WANDB|PROFILE|SAVE|CKPT|CHECKPOINT|WORKERS|PORT|HOST|RANK|WORLD|NAME|TAG|DATA"
    r"|DATASET|SHARDS?|TOKENIZER|BOS|EOS|PAD|UNK|IGNORE|(UN)?COUNTED|SKIP|EXCLUDED?)(_|$)"
)
_RATIO = re.compile(
    r"(^|_)(RATIO|FRAC|FRACTION|BETAS?\d*|MOMENTUM|DROPOUT|PROB|(WARM|COOL)(UP|DOWN))(_|$)"
)
_SHARE = r"\b(share|fraction|probability)\b"
_AVERAGE = re.compile(r"(^|_)(EMA|DECAY)(_|$)")
_SIZE = re.compile(
    r"(^|_)(BATCH\w*|SIZE|DIM|SEQ|LEN|LENGTH|WIDTH|CONTEXT|EMBD?|HIDDEN|TOKENS|BLOCK)(_|$)"
)


def infer_kind(
    name: str, literal: str, value: Scalar, comment: str
) -> tuple[KnobKind, tuple[Scalar, ...]]:
    """How a scalar may move, judged by name, spelling, value and comment; and an enum's choices."""
    if _NOT_OURS.search(name):
        return KnobKind.FIXED, ()
    if isinstance(value, bool):
        return KnobKind.ENUM, (False, True)
    if isinstance(value, str):
        choices = _choices(name, value, comment)
        return (KnobKind.ENUM, choices) if len(choices) > 1 else (KnobKind.FIXED, ())
    if not abs(value) <= 10**15:  # not a number at all, too
        return KnobKind.FIXED, ()
    counted = isinstance(value, int) and re.search(r"STEPS|ITERS", name)
    if 0 <= value <= 1 and _RATIO.search(name) and not counted:
        return KnobKind.RATIO, ()
    if 0.9 <= value < 1 and _AVERAGE.search(name):
        return KnobKind.RATIO, ()
    if isinstance(value, float) and 0 <= value <= 1 and re.search(_SHARE, comment):
        return KnobKind.RATIO, ()
    if isinstance(value, float):
        return KnobKind.LOG, ()
    if value < 0:  # -1 mostly stands for "all" or "none"
        return KnobKind.FIXED, ()
    least = 2 if "BATCH" in name else 16
    power = value > 0 and value & (value - 1) == 0
    if power and (re.search(r"\*|<<", literal) or (value >= least and _SIZE.search(name))):
        return KnobKind.POWER_OF_TWO, ()
    return KnobKind.INTEGER, ()


def _choices(name: str, value: str, comment: str) -> tuple[str, ...]:
    listed = re.split(r"[|/,]|\bor\b", comment.rpartition(":")[2])
    words = [word.strip(" \t\"'`()[]{}.;") for word in listed]
    if value in words:
        return tuple(dict.fromkeys(w for w in words if re.fullmatch(r"[\w.+-]+", w)))
    if "PATTERN" not in name or not re.fullmatch(r"[A-Z]{1,12}", value):
        return ()
    letters = sorted({*value, *re.findall(r"\b([A-Z])\s*[=:]", comment)})
    if "WINDOW" in name and {*letters} <= {"S", "L"}:
        letters = ["L", "S"]
    near = [value[:i] + x + value[i + 1 :] for i in range(len(value)) for x in letters]
    near += [x + value for x in letters] + ([value[1:]] if len(value) > 1 else [])
    return tuple(dict.fromkeys([value, *near]))


def _parse(source: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise KnobError("The file is not valid Python.", f"{error}.", "Correct it first.") from None


_COMMENT = re.compile(r"[ \t)]*#[ \t]*([^\r\n]*)")


class _Text:
    """Turns the syntax tree's lines and UTF-8 columns into positions in the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        # As the parser ends lines: a form feed or U+2028 ends none.
        self._lines = io.StringIO(text.removeprefix("\ufeff"), newline="").readlines()
        self._starts = [len(text) - sum(map(len, self._lines))]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def _position(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def span(self, node: ast.expr) -> tuple[int, int]:
        end = self._position(node.end_lineno or node.lineno, node.end_col_offset or 0)
        return self._position(node.lineno, node.col_offset), end

    def comment_after(self, position: int) -> str:
        match = _COMMENT.match(self.text, position)
        return match[1].rstrip() if match else ""


def _shift(a: float, b: float) -> object:
    return a << b if isinstance(a, int) and isinstance(b, int) and 0 <= b <= 64 else None


_OPERATORS: dict[type[ast.operator], Callable[[float, float], object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: lambda a, b: a**b if abs(b) <= 64 and abs(a) <= 10**6 else None,
    ast.LShift: _shift,
}


def _elements(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def _evaluate(node: ast.expr) -> Value | None:
    """The value of a literal, a tuple of them or constant arithmetic; None for anything else."""
    values = [value for child in _elements(node) if (value := _scalar(child)) is not None]
    if not values or len(values) < len(_elements(node)):
        return None
    return tuple(values) if isinstance(node, ast.Tuple) else values[0]


def _scalar(node: ast.expr) -> Scalar | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        return node.value
    return _number(node, 0)


def _number(node: ast.expr, depth: int) -> int | float | None:
    result: object = None
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand) if depth < 12:
            inner = _number(operand, depth + 1)
            result = -inner if inner is not None and isinstance(sign, ast.USub) else inner
        case ast.BinOp(left=left, op=op, right=right) if depth < 12 and type(op) in _OPERATORS:
            a, b = _number(left, depth + 1), _number(right, depth + 1)
            if a is None or b is None:
                return None
            try:
                result = _OPERATORS[type(op)](a, b)
            except (ArithmeticError, ValueError):
                return None
    # A negative base with a fraction as its power is complex; a huge result is no knob.
    return result if isinstance(result, int | float) and abs(result) < 1e30 else None
