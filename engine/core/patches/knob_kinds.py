"""Infers how a knob's value may change (its kind), from its name, literal and comment."""

from __future__ import annotations

import re
from enum import StrEnum

from engine.core.patches.knob_literals import Scalar


class KnobKind(StrEnum):
    """How a search may change a knob: a constant in capitals, or a value of a settings file."""

    LOG = "log"
    """A float that changes by factors: learning rates, decays, epsilons."""
    POWER_OF_TWO = "power of two"
    RATIO = "ratio"
    """A number between 0 and 1, such as a momentum or a dropout."""
    INTEGER = "integer"
    ENUM = "enum"
    """Takes one of a few values: a word, a pattern of letters, or a truth value."""
    FIXED = "fixed"
    """Must not change: seeds, budgets, evaluation, paths, and anything unknown."""


_FIXED_NAMES = re.compile(
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


def knob_word(name: str) -> str:
    """Return the last part of a knob's name as a Python constant: `model.hiddenSize`, HIDDEN_SIZE.

    A name such as `MATRIX_LR` stays as it is; the index in `betas.0` is left out.
    """
    last = re.sub(r"(\.\d+)+\Z", "", name).rpartition(".")[2]
    leaf = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last)
    return leaf.replace("-", "_").upper()


def infer_kind(
    name: str, literal: str, value: Scalar, comment: str
) -> tuple[KnobKind, tuple[Scalar, ...]]:
    """Return the kind of a scalar, and for an enum its possible values, with the present one.

    Args:
        name: The knob's name.
        literal: The source text of the value, such as `2**14`.
        value: Its value.
        comment: The comment on its line, which may list an enum's values; empty without one.
    """
    if _FIXED_NAMES.search(name):
        return KnobKind.FIXED, ()
    if isinstance(value, bool):
        return KnobKind.ENUM, (False, True)
    if isinstance(value, str):
        choices = _choices(name, value, comment)
        return (KnobKind.ENUM, choices) if len(choices) > 1 else (KnobKind.FIXED, ())
    if not abs(value) <= 10**15:  # also true for NaN
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
    if value < 0:  # -1 usually means "all" or "none"
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
    neighbours = [value[:i] + x + value[i + 1 :] for i in range(len(value)) for x in letters]
    neighbours += [x + value for x in letters] + ([value[1:]] if len(value) > 1 else [])
    return tuple(dict.fromkeys([value, *neighbours]))
