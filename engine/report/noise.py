"""Which keeps stand out from how much the same code differs from run to run.

For a session `engine.core.analysis.noise` says so; a table is judged here by the same rule.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from statistics import fmean

from engine.core.analysis.noise import CLEAR_SIGMAS, Noise, Trust, noise_of, worth_of
from engine.core.enums import Direction
from engine.core.session import Session
from engine.core.table.model import Table
from engine.core.table.numbers import commit_hash
from engine.core.table.stats import credible
from engine.core.text import one_line
from engine.report.model import Keep, Point

Groups = Mapping[int, tuple[float, ...]]
"""By the number of its first row all values that the same code gave."""
_AGAIN = re.compile(
    r"\b(?:re-?runs?|re-?ran|re-?measur\w*|re-?test\w*|repeat\w*|again|confirm\w*|replicat\w*|"
    r"reproduc\w*|noise|variance|same (?:code|config|commit)|sanity|baseline)\b",
    re.I,
)

_SEED = re.compile(
    r"(?:(?:set|chang\w+|try|use|new|another|other|different)\s+)?(?:the\s+)?(?:random\s+|rng_?)?"
    r"seed\b(?!\s*(?:data|corpus|model|lr))[^,;+&]*$",
    re.I,
)
"""Words that tell of another seed and of nothing else."""


def session_keeps(session: Session, kept: Sequence[Point]) -> tuple[Keep, ...]:
    """Each keep of a session after the baseline.

    Args:
        session: As it stands.
        kept: All keeps in order, the baseline first.
    """
    noise = noise_of(session)
    made = []
    for before, point in itertools.pairwise(kept):
        worth = worth_of(session, point.number, before.number, noise)
        made.append(
            Keep(
                point=point,
                gain=worth.gain,
                sigmas=worth.sigmas,
                trust=worth.trust,
                runs=worth.runs,
                seed=only_seed(point.text),
            )
        )
    return tuple(made)


def only_seed(text: str) -> bool:
    """Whether a description tells of another random seed and of nothing else."""
    return _SEED.match(text) is not None


def table_groups(table: Table) -> tuple[Groups, int]:
    """By row what it and its repetitions measured, and how many rows share a commit without being
    repetitions.

    Many tables write the commit an experiment began from. So a shared commit counts only where
    the words of all its rows are the same, or say that it was run again.
    """
    rows: dict[str, list[tuple[int, float, str]]] = {}
    groups: dict[int, tuple[float, ...]] = {}
    for row, ok in zip(table.rows, credible(table), strict=True):
        if row.value is None or not (ok or row.verdict.value == "discard"):
            continue
        key = commit_hash(row.commit)
        if key is None or "dirty" in row.commit.lower():
            groups[row.number] = (row.value,)
        else:
            words = one_line(row.description).casefold()
            rows.setdefault(key, []).append((row.number, row.value, words))
    shared = 0
    for those in rows.values():
        first = those[0][2]
        if all(words == first or _AGAIN.search(words) for _, _, words in those[1:]):
            groups[those[0][0]] = tuple(value for _, value, _ in those)
        else:
            shared += len(those) - 1
            groups.update((number, (value,)) for number, value, _ in those)
    return groups, shared


def estimate(groups: Groups) -> Noise | None:
    """The pooled standard deviation; None where nothing ran twice."""
    repeated = [values for values in groups.values() if len(values) > 1]
    if not repeated:
        return None
    runs = sum(map(len, repeated))
    means = ((values, fmean(values)) for values in repeated)
    squares = math.fsum((v - mean) ** 2 for values, mean in means for v in values)
    sigma = math.sqrt(squares / (runs - len(repeated)))
    return Noise(sigma=sigma, runs=runs, commits=len(repeated)) if math.isfinite(sigma) else None


def table_keeps(
    kept: Sequence[Point], groups: Groups, noise: Noise | None, direction: Direction
) -> tuple[Keep, ...]:
    """Each keep of a table after the first.

    Args:
        kept: All of them in order, the baseline first.
        groups: What each was measured to be.
        noise: Of the same code.
        direction: Which way the metric improves.
    """
    made = []
    for before, point in itertools.pairwise(kept):
        old, new = groups.get(before.number, ()), groups.get(point.number, ())
        gain = point.gain
        if len(old) > 1 or len(new) > 1:
            gain = direction.gain(_fresh(new, point), _fresh(old, before))
        made.append(
            Keep(
                point=point,
                gain=gain,
                sigmas=gain / noise.sigma if gain is not None and noise and noise.sigma else None,
                trust=_trust(gain, noise, again=len(new) > 1),
                runs=max(1, len(new)),
                seed=only_seed(point.text),
            )
        )
    return tuple(made)


def _fresh(values: tuple[float, ...], point: Point) -> float:
    """The first was chosen for its luck, the others were not."""
    found = fmean(values[1:] if len(values) > 1 else values) if values else point.value
    return math.nan if found is None else found


def _trust(gain: float | None, noise: Noise | None, *, again: bool) -> Trust:
    if noise is None or gain is None:
        return Trust.UNKNOWN
    if gain > CLEAR_SIGMAS * noise.sigma:
        return Trust.CLEAR
    return Trust.CONFIRMED if again and gain > 0 else Trust.WITHIN
