"""Explains a report's metric in a few sentences, for readers who do not know it."""

from __future__ import annotations

import math

from engine.core.enums import Direction
from engine.core.metric_direction import direction_of, normalise
from engine.report.figures import Places, number
from engine.report.model import Point


def meaning_of(
    metric: str,
    direction: Direction,
    baseline: Point | None,
    best: Point | None,
    places: Places,
    *,
    ratchet: bool = True,
) -> tuple[str, ...]:
    """Return a few sentences about the metric, with figures of this session where they help.

    Args:
        metric: The metric's name.
        direction: Which way it improves.
        baseline: The baseline; None if nothing was measured.
        best: The incumbent, or a table's best row; None if nothing was measured.
        places: Digits after the decimal point.
        ratchet: Whether each keep builds on the keeps before it.
    """
    better = direction.better
    words = set(normalise(metric).split("_"))
    old = baseline.value if baseline is not None else None
    new = best.value if best is not None else None
    sentences: list[str] = []
    if words & {"bpb", "bpc"}:
        unit = "byte" if "bpb" in words else "character"
        sentences.append(
            f"{metric} is bits per {unit}: how many bits the trained model needs, on average, to "
            f"encode one more {unit} of unseen text. Lower is better; a model that "
            f"has learnt nothing needs {'8' if unit == 'byte' else 'about as many as the alphabet'}"
            f"{', a perfect one 0' if unit == 'byte' else ''}."
        )
        if unit == "byte" and _is_plausible(old) and _is_plausible(new) and old != new:
            assert old is not None and new is not None
            sentences.append(
                "In terms of compression: with the model a text of 1 MB shrinks to "
                f"{1000 * old / 8:.1f} kB at the baseline and to {1000 * new / 8:.1f} kB at the "
                "best."
            )
        sentences.append(
            "Small steps count in this field, and so does luck: two runs of the same code have "
            "differed by 0.0001 to 0.0007 on one data-centre GPU, and by 0.02 and more on "
            "laptops."
        )
    elif words & {"loss", "nll", "xent", "crossentropy"} and direction is Direction.MIN:
        sentences.append(
            f"{metric} is a loss: how far the model's predictions are from the data. Lower is "
            "better. For a language model it is usually given in nats; a drop of 0.01 makes the "
            "correct answer about 1 % more probable."
        )
    elif words & {"ppl", "perplexity"}:
        sentences.append(
            f"{metric} is a perplexity: the number of equally likely words the model effectively "
            "chooses from. Lower is better, and 1 is perfect."
        )
    elif words & {"acc", "accuracy", "precision", "recall", "f1", "auc"}:
        sentences.append(
            f"{metric} is a share of correct answers. Higher is better, and 1 (or 100 %) is "
            "perfect. One more point counts for more the closer it is to that."
        )
    elif words & {"rmse", "mse", "mae", "error", "err", "wer", "cer"}:
        sentences.append(
            f"{metric} is an error: how far off the predictions are, on average, on data not "
            "used for training. Lower is better, and 0 is perfect."
        )
    elif words & {"tok", "tps", "throughput", "fps", "qps"} or normalise(metric).endswith("per_s"):
        sentences.append(
            f"{metric} is a speed. Higher is better; twice as much halves the waiting time."
        )
    else:
        known = direction_of(metric) is not None
        sentences.append(
            f"{metric} is the metric of this research; {better} is better. "
            + ("" if known else "The meaning of one unit depends on its evaluation.")
        )
    if old is not None and new is not None and old != new:
        sentences.append(
            f"The baseline is the code before the first change: {number(old, places)}. "
            + (
                f"The best is the result of all kept changes together: {number(new, places)}."
                if ratchet
                else f"The best measured value is {number(new, places)}."
            )
        )
    sentences.append(
        "Kept means that the value improved and the change stayed; discarded, that it did not and "
        "the change was reverted; crashed, that there is no value. σ is the variation of the same "
        "code from run to run: a gain below 2σ may be luck."
    )
    return tuple(text.strip() for text in sentences)


def _is_plausible(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and 0 < value <= 16
