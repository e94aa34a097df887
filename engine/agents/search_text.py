"""Formats the hypothesis, rationale and forecast of the knob search's moves as text."""

from __future__ import annotations

import re

from engine.agents.search_bandit import Bandit, importance, is_in_reach
from engine.agents.search_options import SearchChoice
from engine.agents.search_record import Record, Trial, direction
from engine.agents.search_space import Move, SearchAxis
from engine.core.patches.knob_kinds import knob_word
from engine.core.patches.knobs import KnobKind

_CATEGORIES: tuple[tuple[str, str], ...] = (
    (r"WARMUP|WARMDOWN|COOLDOWN|FINAL|SCHEDULE|ANNEAL", "schedule"),
    (r"DROPOUT|WEIGHT_DECAY|(^|_)WD(_|$)|SMOOTHING|LABEL|CLIP", "regularisation"),
    (r"DEVICE_BATCH|MICRO_BATCH|COMPILE|CHECKPOINTING|FUSED", "efficiency"),
    (r"(^|_)LRS?(_|$)|LEARNING_RATE|BETA|MOMENTUM|EPS|BATCH|MUON|ADAM|OPTIM", "optimizer"),
    (r"SEQ_LEN|CONTEXT|AUGMENT|MIX|SHUFFLE|CROP", "data"),
    (
        r"DEPTH|LAYER|HEAD|DIM|ASPECT|WIDTH|EMBD|EMBED|HIDDEN|MLP|WINDOW|ROPE|SOFTCAP|ACT|NORM|KV|X0"
        r"|KERNEL|CHANNEL",
        "architecture",
    ),
)
_UP_DOWN = {1: "up", -1: "down", 0: "to another word"}


def category(name: str) -> str:
    """Return the category of a knob, such as `optimizer`, guessed from its name; else `other`."""
    knob = knob_word(name)
    return next((word for pattern, word in _CATEGORIES if re.search(pattern, knob)), "other")


def signed(gain: float) -> str:
    """Return a gain as text, with its sign and three significant digits."""
    return f"{gain:+.3g}".replace("-", "−")


def change(record: Record, move: Move) -> str:
    """Return a move as text: `NAME old → new` for each knob."""
    literals = record.space.literals(move)
    return " and ".join(f"{name} {old} → {new}" for name, (old, new) in literals.items())


def evidence(axis: SearchAxis, record: Record, sign: int) -> str:
    """Return a phrase on how many trials of an axis helped, and on the best gain.

    Only trials up (`sign` +1) or down (-1) are counted; with 0 those of both directions.
    Empty if there are no such trials.
    """
    trials = record.on(axis.key, sign)
    if not trials:
        return ""
    gains = [t.gain for t in trials if t.gain is not None]
    helped = [t for t in trials if t.kept and t.gain is not None and t.gain > 0]
    # A discard with a gain: the keep rule could not tell it from noise.
    looked = "looked better, not more than noise" if max(gains, default=0.0) > 0 else "did not help"
    crashed = sum(t.crashed for t in trials)
    way = "changes of it" if axis.kind is KnobKind.ENUM else f"steps {_UP_DOWN[sign]}"
    text = f"{len(helped)} of {len(trials)} {way} helped"
    if len(trials) == 1:
        way = "change of it" if axis.kind is KnobKind.ENUM else f"step {_UP_DOWN[sign]}"
        text = f"the one {way} so far {'helped' if helped else looked}"
    if gains:
        text += f" ({signed(max(gains))} {'at best' if len(gains) > 1 else 'measured'})"
    return text + (f", {crashed} crashed" if crashed else "")


def hypothesis(choice: SearchChoice, record: Record, policy: str) -> str:
    """Return one sentence with the change a move makes and the reason to expect a gain."""
    head = change(record, choice.move)
    if policy == "random":
        return f"{head}: a random step, as a control."
    if len(choice.move) > 1:
        pair = record.space.batch_axes
        if pair is not None and {key for key, _ in choice.move} == {*pair}:
            return f"{head}: the batch sizes move together so that one divides the other."
        if policy == "tpe":
            return f"{head}: {choice.note}"
        touched = _touched(record, choice.move)
        summary = [_why(axis, record, s) for axis, s in touched]
        if all(summary):
            both = "; ".join(f"{a.key}: {x}" for (a, _), x in zip(touched, summary, strict=True))
            return f"{head}: the results so far let both expect a gain ({both}), so both at once."
        return f"{head}: single steps are used up, so two at once."
    axis, sign = _touched(record, choice.move)[0]
    forth, back = evidence(axis, record, sign), evidence(axis, record, -sign)
    if policy == "tpe" and choice.note:
        return f"{head}: {choice.note}"
    if forth and any(t.gain is not None and t.gain > 0 for t in record.on(axis.key, sign)):
        return f"{head}: {forth}, so one more."
    if forth:
        return f"{head}: {forth}, but another size may, as the fitted curve still allows a gain."
    if back and sign:
        return f"{head}: {back}, so the other way."
    why = (
        "knobs of this kind usually matter most"
        if importance(axis.key) >= 0.8
        else "it is cheap to know"
    )
    return f"{head}: this direction is not tried yet, and {why}."


def _why(axis: SearchAxis, record: Record, sign: int) -> str:
    forth, back = evidence(axis, record, sign), evidence(axis, record, -sign)
    return forth or (f"{back}, so the other way" if back else "")


def rationale(choice: SearchChoice, record: Record, policy: str, metric: str) -> str:
    """Return lines on the policy that chose a move and the last trials of each knob it changes."""
    lines = [f"A statistical search ({policy}) chose this, no language model."]
    if choice.note:
        lines.append(choice.note[0].upper() + choice.note[1:])
    for axis, _ in _touched(record, choice.move):
        trials = record.on(axis.key)[-6:]
        summary = "; ".join(trial_text(t, axis) for t in trials) or "none yet"
        lines.append(f"Results on {axis.key}: {summary}.")
        low, high = record.limits(axis.key)
        if high is not None:
            lines.append(f"{axis.key} stays below {axis.at(high)}, where a run crashed.")
        if low is not None:
            lines.append(f"{axis.key} stays above {axis.at(low)}, where a run crashed.")
    if record.spread is not None:
        lines.append(f"Usual size of a difference that was not kept: {record.spread:.3g} {metric}.")
    return "\n".join(lines)


def expected(choice: SearchChoice, record: Record, metric: str) -> str:
    """Return a sentence with the gain a choice is expected to bring, or that it is unknown."""
    if choice.gain is None or choice.doubt is None:
        if record.spread is None:
            return f"Unknown: there is no result to judge {metric} by yet."
        return f"Unknown; differences in {metric} are usually about {record.spread:.2g} here."
    better = "better" if choice.gain >= 0 else "worse"
    return (
        f"{metric} about {abs(choice.gain):.2g} {better}, give or take {choice.doubt:.2g} "
        "(one standard deviation of the fit)."
    )


def ranking(bandit: Bandit, record: Record, metric: str) -> list[str]:
    """Return up to five lines on the most promising knobs with their evidence, best first."""
    best: dict[str, tuple[float, float, Move]] = {}
    for move in record.space.moves():
        if record.is_allowed(move) and is_in_reach(record, move):
            gain, doubt = bandit.forecast(move)
            key = move[0][0]
            if key not in best or gain + doubt > sum(best[key][:2]):
                best[key] = (gain, doubt, move)
    order = sorted(best.values(), key=lambda x: x[0] + x[1], reverse=True)[:5]
    lines = []
    for rank, (gain, doubt, move) in enumerate(order, start=1):
        axis, sign = _touched(record, move)[0]
        summary = evidence(axis, record, sign) or "not tried this way"
        scale = "no result on it yet"
        if record.on(axis.key):
            scale = f"forecast {signed(gain)} ± {doubt:.2g} {metric}; {summary}"
        lines.append(f"{rank}. {change(record, move)}: {scale}.")
    return lines


def _touched(record: Record, move: Move) -> list[tuple[SearchAxis, int]]:
    axes = record.space.axes
    return [(axes[key], direction(axes[key], axes[key].value, new)) for key, new in move]


def trial_text(trial: Trial, axis: SearchAxis) -> str:
    """Return one line on a trial: its number, its change of an axis, and its result."""
    old, new = trial.changes[axis.key]
    together = " with another knob" if trial.axis is None else ""
    if trial.crashed:
        result = f"crashed ({trial.outcome})" if trial.outcome else "crashed"
    elif trial.gain is None:
        result = "not measured"
    else:
        result = signed(trial.gain) + (", kept" if trial.kept else "")
    return f"#{trial.number} {old} → {new}{together}: {result}"
