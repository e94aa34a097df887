"""Formats a merge plan, a merged branch, its conflicts or a revert, as lines or for JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from engine.core.analysis.noise import Trust
from engine.core.enums import Direction
from engine.core.spread import Spread
from engine.core.text import one_line, plural
from engine.merge import BranchStep, ConflictError, MergedBranch, MergePlan, RevertPreview, StepKind

_MARKS = {
    Trust.CLEAR: "✓",
    Trust.CONFIRMED: "✓",
    Trust.SIMPLER: "✓",
    Trust.PERSON: "✓",
    Trust.UNKNOWN: "·",
    Trust.WITHIN: "?",
}
_SHOWN = 12
_WIDE = 100


def plan_lines(plan: MergePlan, width: int) -> Iterator[str]:
    """Yield the lines of a merge plan: kept commits and their worth, base branch, recommendation.

    Args:
        plan: The plan to merge a session's kept commits.
        width: The width of the terminal in cells.
    """
    yield f"{plural(len(plan.keeps), 'keep')} on {plan.branch}, from {plan.start[:7]}" + (
        f": {plan.metric} {plan.baseline:.6f} → {plan.best:.6f}"
        if plan.baseline is not None and plan.best is not None
        else ""
    )
    for step in plan.steps:
        if step.kind is not StepKind.REVERT:
            yield _step_line(plan, step, width)
    yield ""
    yield _noise_line(plan.metric, plan.noise)
    yield _base_line(plan)
    if plan.moved_files:
        names = ", ".join(one_line(name, 40) for name in plan.moved_files[:5])
        yield f"  Changed there since: {names}. What was measured may not hold; measure again."
    for note in plan.notes:
        yield f"  ! {one_line(note)}"
    if plan.keeps:
        yield f"Recommended: {_choice_text(plan)}. {one_line(plan.why)}"


def _step_line(plan: MergePlan, step: BranchStep, width: int) -> str:
    number = f"#{step.experiment}" if step.experiment else "–"
    lines = f"+{step.added} −{step.removed}"
    gain, trust = "", ""
    if step.worth is not None:
        gain = change_of(plan.direction, step.worth.gain)
        sigmas = step.worth.sigmas
        runs = f" ({step.worth.runs} runs)" if step.worth.runs > 1 else ""
        trust = f"{_MARKS[step.worth.trust]} {step.worth.trust.value}{runs}"
        gain = f"{gain} {f'{sigmas:+.1f} σ'.replace('-', '−') if sigmas is not None else '':>7}"
    state = {
        StepKind.CHARTER: "not merged unless --with-program",
        StepKind.OTHER: "not of the session",
    }
    word = state.get(step.kind, trust)
    if step.undone:
        word, gain = "undone by you", ""
    elif step.removed_by:
        word = f"removed by #{step.removed_by}"
    elif step.unwanted:
        word = "discarded by you"
    elif step.merges:
        word = "a merge commit, left out"
    head = f"{number:>5}  {gain:>17}  {word:<16}"
    if width >= _WIDE:
        head = f"{number:>5}  {step.commit[:7]}  {gain:>17}  {lines:>9}  {word:<22}"
    return f"{head}  {one_line(step.subject, max(20, width - len(head) - 2))}"


def change_of(direction: Direction, gain: float | None) -> str:
    """Return the signed change of the metric that a gain means, as text; `—` where it is unknown.

    Args:
        direction: The direction in which the metric improves.
        gain: The gain in metric units, positive is better.
    """
    if gain is None:
        return "—"
    change = direction.change(gain)
    return f"{change:+.6f}".replace("-", "−")


def _noise_line(metric: str, noise: Spread | None) -> str:
    if noise is None:
        return "Noise: σ is not known yet; too few runs were repeated."
    of = f"{noise.runs} runs of {plural(noise.commits, 'commit')}"
    return (
        f"Noise: σ of {metric} is at most {noise.upper:.6f} ({noise.sigma:.6f} in {of}); a gain "
        "above its 95 % error bar counts as clear."
    )


def _base_line(plan: MergePlan) -> str:
    where = f"Base branch: {one_line(plan.onto, 60)} ({plan.onto_commit[:7]})"
    if plan.moved is None:
        return f"{where}, which is not where the session started."
    if plan.moved == 0:
        return f"{where}, unchanged since the session started."
    return f"{where}, {plural(plan.moved, 'commit')} further than when the session started."


def _choice_text(plan: MergePlan) -> str:
    return "all" if plan.recommended.value == "all" else "trusted only (--trusted)"


def merged_lines(merged: MergedBranch, plan: MergePlan) -> Iterator[str]:
    """Yield lines that tell what branch was created, and how to view, merge and measure it."""
    kept = ", ".join(f"#{n}" for n in merged.experiments) or "what was kept"
    commits = plural(merged.commits, "commit")
    yield f"Branch {merged.branch} created: {commits} on {merged.onto}, with {kept}."
    for number in merged.fitted:
        yield f"  ! #{number}: the lines around its own differ here; its own fitted exactly."
    for subject in merged.already_present:
        yield f"  {merged.onto} had it already: {one_line(subject, 80)}"
    yield f"  view:     git diff {merged.onto}...{merged.branch}"
    yield f"  merge it: git switch {merged.onto} && git merge {merged.branch}"
    yield f"  measure:  {measure_command(merged, plan)}"
    if plan.moved != 0 or set(merged.experiments) != {s.experiment for s in plan.keeps}:
        yield "This combination was never run: measure it before you trust it."


def measure_command(merged: MergedBranch, plan: MergePlan) -> str:
    """Return the shell command that measures a merged branch as the baseline of a new session."""
    return f"autoresearch-tui baseline --new-from {merged.branch} --tag {plan.tag}-check --yes"


def conflict_lines(error: ConflictError, onto: str) -> Iterator[str]:
    """Yield for each conflict what the file has, and the commit's text before and after.

    Args:
        error: The conflict that stopped the merge.
        onto: The name of the base branch.
    """
    name = f"#{error.experiment}" if error.experiment else error.commit[:7]
    for conflict in error.conflicts:
        yield f"{one_line(conflict.file)}: {conflict.reason}"
        for hunk in conflict.hunks:
            yield f"  from line {hunk.line}:"
            for label, text in (
                (f"in {onto}", hunk.there),
                (f"before {name}", hunk.before),
                (f"{name} wants", hunk.wanted),
            ):
                yield f"    {one_line(label, 60)}:"
                yield from (f"      {one_line_of_code(row)}" for row in text.split("\n") if text)
        if conflict.left_out:
            yield f"  and {conflict.left_out} more places"


def one_line_of_code(text: str) -> str:
    """Return a line of code, indented and without control characters, cut to 240 characters."""
    indent = len(text) - len(text.lstrip(" \t"))
    return " " * min(indent, 40) + one_line(text, 200)


def revert_lines(found: RevertPreview, direction: Direction, width: int) -> Iterator[str]:
    """Yield the lines that tell which keeps depend on a keep, and which command undoes it.

    Args:
        found: What reverting the keep would mean.
        direction: The direction in which the metric improves.
        width: The width of the terminal in cells.
    """
    step, n = found.step, found.step.experiment
    gain = step.worth.gain if step.worth is not None else None
    yield f"#{n} {change_of(direction, gain)}: {one_line(step.subject, width - 24)}"
    if not found.later:
        yield "Nothing was kept after it."
    for later in found.later[:_SHOWN]:
        dependent = later.experiment in found.dependents
        covers = later.experiment == found.changed_again_by
        word = (
            "changed its lines again" if covers else "depends on it" if dependent else "independent"
        )
        head = f"  {'!' if dependent or covers else '·'} #{later.experiment:<4} {word:<24}"
        yield head + one_line(later.subject, max(20, width - len(head)))
    if len(found.later) > _SHOWN:
        yield f"  and {len(found.later) - _SHOWN} more"
    verb = f'autoresearch-tui overrule {n} discard --reason "…"'
    if found.is_last:
        yield "It is the best version: the branch returns to the keep before it; nothing is run."
        yield f"Undo it: {verb}"
    elif found.fits:
        yield (
            "Its lines can be removed from the best version exactly; the file without it is "
            "measured, then kept."
        )
        yield f"Undo it: {verb}"
    else:
        yield (
            "Its lines cannot be removed from the best version exactly"
            + (
                f", because #{found.changed_again_by} changed them, or lines around them."
                if found.changed_again_by
                else "."
            )
        )
        yield f"Start without it: autoresearch-tui --new-from {found.base[:7]}"


# ---- plain values


def plan_facts(plan: MergePlan, chosen: Collection[BranchStep] = ()) -> dict[str, Any]:
    """Return a merge plan as plain values for JSON.

    Args:
        plan: The plan to merge a session's kept commits.
        chosen: The commits that the flags or the recommendation select.
    """
    return {
        "tag": plan.tag,
        "branch": plan.branch,
        "metric": plan.metric,
        "direction": plan.direction.value,
        "start": plan.start,
        "tip": plan.tip,
        "baseline": plan.baseline,
        "best": plan.best,
        "onto": plan.onto,
        "onto_commit": plan.onto_commit,
        "moved": plan.moved,
        "moved_files": list(plan.moved_files),
        "sigma": plan.noise.sigma if plan.noise is not None else None,
        "sigma_runs": plan.noise.runs if plan.noise is not None else 0,
        "commits": [_step_facts(step) for step in plan.steps],
        "chosen": [step.experiment for step in chosen if step.experiment],
        "recommended": plan.recommended.value,
        "why": plan.why,
        "notes": list(plan.notes),
    }


def _step_facts(step: BranchStep) -> dict[str, Any]:
    worth = step.worth
    return {
        "commit": step.commit,
        "kind": step.kind.value,
        "experiment": step.experiment or None,
        "subject": one_line(step.subject),
        "added": step.added,
        "removed": step.removed,
        "files": list(step.files),
        "gain": worth.gain if worth is not None else None,
        "sigmas": worth.sigmas if worth is not None else None,
        "runs": worth.runs if worth is not None else None,
        "trust": worth.trust.value if worth is not None else None,
        "choosable": step.choosable,
        "undone": step.undone,
        "removed_by": step.removed_by or None,
    }


def merged_facts(merged: MergedBranch, plan: MergePlan) -> dict[str, Any]:
    """Return a merged branch and how it was made, as plain values for JSON."""
    return {
        "ok": True,
        "branch": merged.branch,
        "commit": merged.commit,
        "onto": merged.onto,
        "how": merged.method.value,
        "commits": merged.commits,
        "taken": list(merged.experiments),
        "fitted": list(merged.fitted),
        "already": [one_line(subject) for subject in merged.already_present],
        "measure": measure_command(merged, plan),
    }


def conflict_facts(error: ConflictError) -> dict[str, Any]:
    """Return the conflicts that stopped a merge, as plain values for JSON."""
    return {
        "ok": False,
        "message": one_line(str(error)),
        "commit": error.commit,
        "experiment": error.experiment or None,
        "conflicts": [
            {
                "file": conflict.file,
                "reason": conflict.reason,
                "hunks": [
                    {
                        "line": hunk.line,
                        "there": hunk.there,
                        "before": hunk.before,
                        "wanted": hunk.wanted,
                    }
                    for hunk in conflict.hunks
                ],
            }
            for conflict in error.conflicts
        ],
    }
