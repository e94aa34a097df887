"""Formats the commit message of a merge that squashes the selected keeps."""

from __future__ import annotations

from engine.core.text import one_line, plural
from engine.merge.branch import BranchStep, StepKind
from engine.merge.plan import MergePlan


def squash_message(plan: MergePlan, steps: list[BranchStep]) -> tuple[str, str]:
    """Return title and body of the squash commit's message.

    Args:
        plan: The plan, from `plan_merge`.
        steps: The commits that are squashed.
    """
    keeps = [step for step in steps if step.kind is not StepKind.CHARTER]
    edits = plural(len(keeps), "edit")
    span = ""
    everything = len(keeps) == len(plan.keeps)
    if everything and plan.baseline is not None and plan.best is not None:
        span = f", {plan.metric} {plan.baseline:.6f} to {plan.best:.6f}"
    lines = []
    for step in keeps:
        number = f"#{step.experiment} " if step.experiment else ""
        gain = step.worth.gain if step.worth is not None else None
        change = f"{_signed_change(plan, gain)} " if gain is not None else ""
        lines.append(f"- {number}{change}{one_line(step.subject)}")
    measured = f"Measured by the session on {plan.start[:7]}"
    if plan.moved != 0:
        measured += f"; not measured on {plan.onto}."
    else:
        measured += "." if everything else "; not measured without the omitted edits."
    return (
        f"autoresearch {plan.tag}: {edits}{span}",
        "\n".join([*lines, "", measured, "", f"Session: {plan.tag}", f"Tip: {plan.tip}"]),
    )


def _signed_change(plan: MergePlan, gain: float) -> str:
    change = plan.direction.change(gain)
    return f"{change + 0.0:+.6f}"
