"""What the experiments found, as blocks: improvements, which to trust, what failed, the noise."""

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
_WORDS = 160


def top_improvements(facts: ReportFacts) -> tuple[Block, ...]:
    top = facts.top[:_TOP]
    if facts.best is None:
        return (Text("Not known: no value was measured."),)
    if not top:
        return (Text("Nothing that was kept beat what was there before."),)
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
                    one_line(keep.point.text, _WORDS),
                )
                for keep in top
            ),
            frozenset((1, 2)),
        )
    ]
    if len(facts.top) > len(top) and whole:
        blocks.append(
            Text(
                f"These {len(top)} of {len(facts.top)} make {100 * first / whole:.0f} % of it all."
            )
        )
    return tuple(blocks)


def before(facts: ReportFacts) -> tuple[Block, ...]:
    """What a session took over."""
    adopted = facts.adopted
    if adopted is None:
        return ()
    c = adopted.counts
    parts = [f"{c.keep} kept", f"{c.discard} discarded", f"{c.crash} crashed"]
    parts += [f"{c.other} other"] if c.other else []
    blocks: list[Block] = [
        Text(
            f"{many(c.total, 'row')} of a results file were taken over: {listed(parts)}. They were "
            "measured before this session and are in none of its figures; the baseline was "
            "measured again. The picture and the page show them as adopted."
        )
    ]
    rows = [
        (words, point.name, number(point.value, facts.places), one_line(point.text, _WORDS))
        for words, point in (("its baseline", adopted.baseline), ("its best", adopted.best))
        if point is not None
    ]
    if rows:
        head = ("", "row", facts.metric, "what was tried")
        blocks.append(Grid(head, tuple(rows), frozenset((2,))))
    return tuple(blocks)


def which_to_trust(facts: ReportFacts) -> tuple[Block, ...]:
    if not facts.keeps:
        return ()
    seeds = [k for k in facts.keeps if k.seed]
    if facts.noise is None:
        luck = (
            f" {listed((f'#{k.point.number}' for k in seeds), 5)} changed the random seed: that "
            "is luck kept, not an improvement."
            if seeds
            else ""
        )
        return (
            Text(
                f"Not known: {facts.noise_why}. So no gain here can be told from luck; the larger "
                "one is, the likelier it is to be real. Two more runs of the best and of the "
                f"baseline would tell.{luck}"
            ),
        )
    good = [k for k in facts.keeps if k.trust.good and not k.seed]
    doubtful = [k for k in facts.keeps if k.trust is Trust.WITHIN and not k.seed]
    told = f"{len(good)} of {many(len(facts.keeps), 'keep')} can be trusted"
    told += f"; {len(doubtful)} gained no more than luck could have" if doubtful else ""
    told += f"; {len(seeds)} changed no more than the random seed" if seeds else ""
    shown = facts.keeps[-_TRUST_SHOWN:]
    grid = Grid(
        ("#", "change", "in σ", "runs", "trust", "what was tried"),
        tuple(
            (
                f"#{k.point.number}",
                change(facts.direction, k.gain, facts.places),
                sigmas(k.sigmas) if k.sigmas is not None else "–",
                str(k.runs),
                trust_words(k),
                one_line(k.point.text, _WORDS),
            )
            for k in shown
        ),
        frozenset((1, 2, 3)),
    )
    last = f" The last {len(shown)} are listed." if len(shown) < len(facts.keeps) else ""
    return (Text(f"{told}.{last}"), grid)


def trust_words(keep: Keep) -> str:
    """A keep's trust for a person."""
    if keep.seed:
        return "no, only the seed differs"
    return {
        Trust.CLEAR: "yes, above 2σ",
        Trust.CONFIRMED: "yes, a fresh run was better too",
        Trust.SIMPLER: "as good, with fewer lines",
        Trust.PERSON: "a person kept it",
        Trust.UNKNOWN: "not known",
        Trust.WITHIN: "not yet, within the noise",
    }[keep.trust]


def what_failed(facts: ReportFacts) -> tuple[Block, ...]:
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
        blocks.append(Text("Nearest to being kept:"))
        blocks.append(
            Grid(
                ("#", facts.metric, "short of it by", "what was tried"),
                tuple(
                    (
                        f"#{p.number}",
                        number(p.value, facts.places),
                        number(abs(p.gain or 0.0), facts.places),
                        one_line(p.text, _WORDS),
                    )
                    for p in facts.misses
                ),
                frozenset((1, 2)),
            )
        )
    return tuple(blocks)


def noise_text(facts: ReportFacts) -> str:
    """What is known of how much the same code differs from run to run."""
    noise = facts.noise
    if noise is None:
        return f"Not known: {facts.noise_why}."
    sigma = number(noise.sigma, min(facts.places + 1, 7))
    told = (
        f"σ ≈ {sigma} {facts.metric}, from {many(noise.runs, 'run')} of "
        f"{many(noise.commits, 'commit that ran', 'commits that ran')} more than once"
    )
    if not noise.sigma:
        return f"{told}: the same value each time. A gain of any size is one."
    rough = " So few runs make it a rough estimate." if noise.runs - noise.commits < 3 else ""
    return f"{told}. The same code can differ by about that much from run to run.{rough}"
