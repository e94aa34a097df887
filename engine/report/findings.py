"""Formats a report's blocks about experiments: improvements, trust, failures, noise."""

from __future__ import annotations

from engine.core.analysis.noise import Trust
from engine.core.text import one_line
from engine.report.blocks import Block, Grid, Text
from engine.report.figures import change, listed, many, number, sigmas
from engine.report.model import Keep, ReportFacts

_TOP = 10
_TRUST_SHOWN = 60
_CATEGORIES_SHOWN = 20
_OUTCOMES_SHOWN = 12
_CHARACTERS = 160


def top_improvements(facts: ReportFacts) -> tuple[Block, ...]:
    """Return the blocks of the section that lists the 10 keeps with the largest gains."""
    top = facts.top[:_TOP]
    if facts.best is None:
        return (Text("Unknown: no value was measured."),)
    if not top:
        return (Text("No keep improved on its predecessor."),)
    whole = sum(keep.gain or 0.0 for keep in facts.top)
    first = sum(keep.gain or 0.0 for keep in top)
    named = any(keep.point.category for keep in top)
    blocks: list[Block] = [
        Grid(
            ("#", facts.metric, "change", *(["category"] if named else []), "what was tried"),
            tuple(
                (
                    f"#{keep.point.number}",
                    number(keep.point.value, facts.places),
                    change(facts.direction, keep.gain, facts.places),
                    *([keep.point.category] if named else []),
                    one_line(keep.point.text, _CHARACTERS),
                )
                for keep in top
            ),
            frozenset((1, 2)),
        )
    ]
    if len(facts.top) > len(top) and whole:
        blocks.append(
            Text(f"These {len(top)} of {len(facts.top)} make up {100 * first / whole:.0f} % of it.")
        )
    return tuple(blocks)


def adopted_rows(facts: ReportFacts) -> tuple[Block, ...]:
    """Return the blocks of the section about rows the session adopted; () if there are none."""
    adopted = facts.adopted
    if adopted is None:
        return ()
    c = adopted.counts
    parts = [f"{c.keep} kept", f"{c.discard} discarded", f"{c.crash} crashed"]
    parts += [f"{c.other} other"] if c.other else []
    blocks: list[Block] = [
        Text(
            f"{many(c.total, 'row')} of a results file were adopted: {listed(parts)}. They were "
            "measured before this session and are not included in its figures; the baseline was "
            "measured again. The picture and the page mark them as adopted."
        )
    ]
    rows = [
        (title, point.name, number(point.value, facts.places), one_line(point.text, _CHARACTERS))
        for title, point in (("its baseline", adopted.baseline), ("its best", adopted.best))
        if point is not None
    ]
    if rows:
        head = ("", "row", facts.metric, "what was tried")
        blocks.append(Grid(head, tuple(rows), frozenset((2,))))
    return tuple(blocks)


def trust_in_keeps(facts: ReportFacts) -> tuple[Block, ...]:
    """Return the blocks of the section that says which keeps can be trusted; () without keeps."""
    if not facts.keeps:
        return ()
    seeds = [k for k in facts.keeps if k.seed]
    if facts.noise is None:
        luck = (
            f" {listed((f'#{k.point.number}' for k in seeds), 5)} changed the random seed: that "
            "is luck, not an improvement."
            if seeds
            else ""
        )
        return (
            Text(
                f"Unknown: {facts.noise_why}. So no gain can be told from luck; a larger one is "
                "more likely to be real. Two more runs of the best and of the baseline would "
                f"show it.{luck}"
            ),
        )
    good = [k for k in facts.keeps if k.trust.good and not k.seed]
    doubtful = [k for k in facts.keeps if k.trust is Trust.WITHIN and not k.seed]
    summary = f"{len(good)} of {many(len(facts.keeps), 'keep')} can be trusted"
    summary += f"; {len(doubtful)} gained no more than luck can explain" if doubtful else ""
    summary += f"; {len(seeds)} changed only the random seed" if seeds else ""
    shown = facts.keeps[-_TRUST_SHOWN:]
    grid = Grid(
        ("#", "change", "in σ", "runs", "trust", "what was tried"),
        tuple(
            (
                f"#{k.point.number}",
                change(facts.direction, k.gain, facts.places),
                sigmas(k.sigmas) if k.sigmas is not None else "–",
                str(k.runs),
                trust_text(k),
                one_line(k.point.text, _CHARACTERS),
            )
            for k in shown
        ),
        frozenset((1, 2, 3)),
    )
    last = f" The last {len(shown)} are listed." if len(shown) < len(facts.keeps) else ""
    return (Text(f"{summary}.{last}"), grid)


def trust_text(keep: Keep) -> str:
    """Return a phrase that says how far a keep can be trusted."""
    if keep.seed:
        return "no, only the seed differs"
    return {
        Trust.CLEAR: "yes, above its error bar",
        Trust.CONFIRMED: "yes, repeats showed it",
        Trust.SIMPLER: "as good, with fewer lines",
        Trust.PERSON: "kept by the user",
        Trust.UNKNOWN: "unknown",
        Trust.WITHIN: "not yet, within the noise",
    }[keep.trust]


def failures(facts: ReportFacts) -> tuple[Block, ...]:
    """Return the blocks of the section about failures: by category, by reason, nearest misses."""
    blocks: list[Block] = []
    if facts.categories:
        blocks.append(
            Grid(
                ("category", "tried", "kept", "discarded", "crashed", "gained"),
                tuple(
                    (
                        c.name,
                        str(c.tried),
                        str(c.kept),
                        str(c.discarded),
                        str(c.crashed),
                        change(facts.direction, c.gained, facts.places) if c.gained else "–",
                    )
                    for c in facts.categories[:_CATEGORIES_SHOWN]
                ),
                frozenset((1, 2, 3, 4, 5)),
            )
        )
    if facts.outcomes:
        shown = facts.outcomes[:_OUTCOMES_SHOWN]
        blocks.append(
            Grid(
                ("why it was not kept", "how often"),
                tuple((why, str(count)) for why, count in shown),
                frozenset((1,)),
            )
        )
    if facts.misses:
        blocks.append(Text("Closest to being kept:"))
        blocks.append(
            Grid(
                ("#", facts.metric, "missed by", "what was tried"),
                tuple(
                    (
                        f"#{p.number}",
                        number(p.value, facts.places),
                        number(abs(p.gain or 0.0), facts.places),
                        one_line(p.text, _CHARACTERS),
                    )
                    for p in facts.misses
                ),
                frozenset((1, 2)),
            )
        )
    return tuple(blocks)


def noise_text(facts: ReportFacts) -> str:
    """Return sentences with the estimated noise of the metric, or why it is unknown."""
    noise = facts.noise
    if noise is None:
        return f"Unknown: {facts.noise_why}."
    digits = min(facts.places.usual + 1, 7)
    low, high = noise.interval
    estimate = (
        f"σ ≈ {number(noise.sigma, digits)} {facts.metric}, from {many(noise.runs, 'run')} of "
        f"{many(noise.commits, 'commit that ran', 'commits that ran')} more than once"
    )
    if not noise.sigma:
        return f"{estimate}: the same value each time, so a gain of any size counts."
    wild = f" {many(noise.left_out, 'wild value')} left out." if noise.left_out else ""
    return (
        f"{estimate}; with 95 % probability between {number(low, digits)} and "
        f"{number(high, digits)}. The same code varies by about that much from run to run.{wild}"
    )
