"""What every experiment of a session shares: budget, context, evaluation, data, device table.

Locked: an experiment that changes this file measures something else, so the engine refuses it.
You, the researcher, edit it between sessions; then run a new baseline.
"""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass

# ---------------------------------------------------------------------------
# Budget, context and evaluation (set for your hardware by `init --profile`)
# ---------------------------------------------------------------------------

DEFAULT_TIME_BUDGET = 20  # seconds of training; start-up, compiling and evaluation not counted
MAX_SEQ_LEN = 256  # context length in tokens, for training and for evaluation
EVAL_TOKENS = 131072  # validation tokens val_bpb is measured on, always the same first ones

# ---------------------------------------------------------------------------
# Data (`python prepare.py --source X --write` sets these)
# ---------------------------------------------------------------------------

DATA_SOURCE = "stdlib"  # stdlib | files | climbmix | fineweb-edu | tinystories
DATA_GLOB = ""  # for "files": which files, e.g. "~/texts/**/*.txt"
DATA_SHARDS = 8  # for the parquet sources: how many training shards
VOCAB_SIZE = 8192  # for the parquet sources: size of the BPE vocabulary, special tokens included


def _time_budget(default: float) -> float:
    """Seconds of training: AUTORESEARCH_TIME_BUDGET where the engine set it, else the default."""
    raw = os.environ.get("AUTORESEARCH_TIME_BUDGET", "").strip()
    if not raw:
        return float(default)
    try:
        seconds = float(raw)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        sys.exit(f"AUTORESEARCH_TIME_BUDGET must be a number of seconds above 0, not {raw!r}")
    return seconds


TIME_BUDGET = _time_budget(DEFAULT_TIME_BUDGET)

# ---------------------------------------------------------------------------
# What differs between devices, all of it. Everything else is the same code.
# ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Adjustments:
    """How one kind of device is driven; `prepare.setup_device` applies and prints it."""

    dtype: str
    """Type of activations and matrix products; weights and loss stay float32."""
    compile: bool
    """Whether torch.compile fuses the model and the optimizer."""
    uncounted_steps: int
    """First steps left out of the time budget: compiling, or first touch of memory."""
    niceness: int
    """Added to the process's niceness, so that the machine stays usable."""
    max_threads: int
    """At most this many threads; 0 leaves torch's own choice."""
    why: str


DEVICE_ADJUSTMENTS: dict[str, Adjustments] = {
    "cuda": Adjustments(
        "bfloat16", True, 11, 0, 0, "tensor cores want bf16; compiling takes the first steps"
    ),
    "cuda-before-ampere": Adjustments(
        "float32", True, 11, 0, 0, "bf16 is emulated on these, and fp16 would need loss scaling"
    ),
    "mps": Adjustments(
        "float32", False, 3, 5, 0, "bf16 depends on chip and macOS; the compiler is immature"
    ),
    "cpu": Adjustments(
        "float32",
        False,
        1,
        5,
        8,
        "compiling costs more than a short budget; small matrices "
        "gain nothing beyond 8 threads; a quarter of the cores is left to you",
    ),
}
