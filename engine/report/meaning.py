"""What the numbers mean, for somebody who does not know the metric."""

from __future__ import annotations

import math

from engine.core.enums import Direction
from engine.core.table.roles import direction_of, normalise
from engine.report.figures import number
from engine.report.model import Point


def meaning_of(
    metric: str,
    direction: Direction,
    baseline: Point | None,
    best: Point | None,
    places: int,
    *,
    ratchet: bool = True,
) -> tuple[str, ...]:
    """A few sentences, with this session's own figures where they help.

    Args:
        metric: Its name.
        direction: Which way it improves.
        baseline: What all is compared with.
        best: What stands, or was measured best.
        places: Digits after the point.
        ratchet: Whether each keep stands on the ones before it.
    """
    better = "lower" if direction is Direction.MIN else "higher"
    words = set(normalise(metric).split("_"))
    old = baseline.value if baseline is not None else None
    new = best.value if best is not None else None
    told: list[str] = []
    if words & {"bpb", "bpc"}:
        unit = "byte" if "bpb" in words else "character"
        told.append(
            f"{metric} is bits per {unit}: how many bits the trained model needs, on average, to "
            f"write down one more {unit} of text it has never seen. Lower is better; a model that "
            f"has learnt nothing needs {'8' if unit == 'byte' else 'about as many as the alphabet'}"
            f"{', a perfect one 0' if unit == 'byte' else ''}."
        )
        if unit == "byte" and _sane(old) and _sane(new) and old != new:
            assert old is not None and new is not None
            told.append(
                "Put as compression: with the model a text of 1 MB shrinks to "
                f"{1000 * old / 8:.1f} kB at the baseline and to {1000 * new / 8:.1f} kB at the "
                "best."
            )
        told.append(
            "Small steps count in this field, and so does luck: the same code run twice has been "
            "seen to differ by 0.0001 to 0.0007 on one data-centre GPU, and by 0.02 and more on "
            "laptops."
        )
    elif words & {"loss", "nll", "xent", "crossentropy"} and direction is Direction.MIN:
        told.append(
            f"{metric} is a loss: how far the model's predictions are from what was right. Lower "
            "is better. For a language model it is mostly given in nats; a drop of 0.01 makes what "
            "was right about 1 % more probable to it."
        )
    elif words & {"ppl", "perplexity"}:
        told.append(
            f"{metric} is a perplexity: among how many equally likely words the model would, in "
            "effect, be guessing. Lower is better, and 1 is perfect."
        )
    elif words & {"acc", "accuracy", "precision", "recall", "f1", "auc"}:
        told.append(
            f"{metric} is a share of what the model gets right. Higher is better, and 1 (or 100 %) "
            "is perfect. One point more counts for more the closer it is to that."
        )
    elif words & {"rmse", "mse", "mae", "error", "err", "wer", "cer"}:
        told.append(
            f"{metric} is an error: how far off the predictions are, on average, on data that was "
            "not trained on. Lower is better, and 0 is perfect."
        )
    elif words & {"tok", "tps", "throughput", "fps", "qps"} or normalise(metric).endswith("per_s"):
        told.append(f"{metric} is a speed. Higher is better; twice as much is half the waiting.")
    else:
        known = direction_of(metric) is not None
        told.append(
            f"{metric} is what this research measures; {better} is better. "
            + ("" if known else "What one unit of it is worth only its evaluation can say.")
        )
    if old is not None and new is not None and old != new:
        told.append(
            f"The baseline is the code as it was before the first change: {number(old, places)}. "
            + (
                f"The best is what all kept changes together reach: {number(new, places)}."
                if ratchet
                else f"The best value that was measured is {number(new, places)}."
            )
        )
    told.append(
        "Kept means that the value improved and the change stayed; discarded that it did not and "
        "the change was taken back; crashed that there is no value. σ is how much the same code "
        "differs from run to run: a gain below 2σ may be luck."
    )
    return tuple(text.strip() for text in told)


def _sane(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and 0 < value <= 16
