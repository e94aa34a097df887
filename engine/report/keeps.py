"""Judges the keeps of a report against the noise, as `engine.core.analysis.noise` does.

A session records its repeats; in a table they are recognised by commit and description.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

from engine.core.analysis.noise import (
    in_sigmas,
    noise_of,
    trust_in,
    unbiased_value,
    worth_of,
)
from engine.core.enums import Direction
from engine.core.session import Session
from engine.core.spread import Spread
from engine.core.table.model import Table
from engine.core.table.numbers import commit_hash
from engine.core.table.stats import credible
from engine.core.text import one_line
from engine.report.model import Keep, Point

Groups = Mapping[int, tuple[float, ...]]
"""All values measured for the same code, by the number of the first row with that code."""
_REPEAT = re.compile(
    r"\b(?:re-?runs?|re-?ran|re-?measur\w*|re-?test\w*|repeat\w*|again|confirm\w*|replicat\w*|"
    r"reproduc\w*|noise|variance|same (?:code|config|commit)|sanity|baseline)\b",
    re.I,
)
"""Matches words in a description which say that its row repeats an earlier one."""
_SEED = re.compile(
    r"(?:(?:set|chang\w+|try|use|new|another|other|different)\s+)?(?:the\s+)?(?:random\s+|rng_?)?"
    r"seed\b(?!\s*(?:data|corpus|model|lr))[^,;+&]*$",
    re.I,
)
"""Matches a description that names another random seed and nothing else."""


def session_keeps(session: Session, kept: Sequence[Point]) -> tuple[Keep, ...]:
    """Return the keeps of a session after the baseline, with the trust in each.

    Args:
        session: The session.
        kept: The points of all keeps in order, the baseline first.
    """
    noise = noise_of(session)
    keeps = []
    for before, point in itertools.pairwise(kept):
        worth = worth_of(session, point.number, before.number, noise)
        keeps.append(
            Keep(
                point=point,
                gain=worth.gain,
                sigmas=worth.sigmas,
                trust=worth.trust,
                runs=worth.runs,
                seed=only_seed(point.text),
            )
        )
    return tuple(keeps)


def only_seed(text: str) -> bool:
    """Return whether a description names another random seed and nothing else."""
    return _SEED.match(text) is not None


def table_groups(table: Table) -> tuple[Groups, int]:
    """Group a table's values by the code they measure.

    Many tables name the commit an experiment started from. So rows with the same commit count as
    repeats only if their descriptions are equal or mention a repeat.

    Returns:
        The groups, and the number of rows that have an earlier row's commit but other code.
    """
    rows: dict[str, list[tuple[int, float, str]]] = {}
    groups: dict[int, tuple[float, ...]] = {}
    for row, is_credible in zip(table.rows, credible(table), strict=True):
        if row.value is None or not (is_credible or row.verdict.value == "discard"):
            continue
        key = commit_hash(row.commit)
        if key is None or "dirty" in row.commit.lower():
            groups[row.number] = (row.value,)
        else:
            description = one_line(row.description).casefold()
            rows.setdefault(key, []).append((row.number, row.value, description))
    shared = 0
    for same_commit in rows.values():
        first = same_commit[0][2]
        if all(text == first or _REPEAT.search(text) for _, _, text in same_commit[1:]):
            groups[same_commit[0][0]] = tuple(value for _, value, _ in same_commit)
        else:
            shared += len(same_commit) - 1
            groups.update((number, (value,)) for number, value, _ in same_commit)
    return groups, shared


def table_keeps(
    kept: Sequence[Point], groups: Groups, noise: Spread | None, direction: Direction
) -> tuple[Keep, ...]:
    """Return the keeps of a table after the first, with the trust in each.

    Args:
        kept: All keeps in order, the baseline first.
        groups: The values measured for each, from `table_groups`.
        noise: The noise of the metric; None if it is not known.
        direction: Which way the metric improves.
    """
    keeps = []
    for before, point in itertools.pairwise(kept):
        old, new = _values(before, groups), _values(point, groups)
        value, base = unbiased_value(new), unbiased_value(old)
        gain = point.gain
        if max(len(old), len(new)) > 1 and value is not None and base is not None:
            gain = direction.gain(value, base)
        keeps.append(
            Keep(
                point=point,
                gain=gain,
                sigmas=in_sigmas(gain, noise),
                trust=trust_in(
                    gain,
                    noise,
                    runs=(max(1, len(new) - 1), max(1, len(old) - 1)),
                    confirmed=len(new) > 1 and noise is not None,
                ),
                runs=max(1, len(new)),
                seed=only_seed(point.text),
            )
        )
    return tuple(keeps)


def _values(point: Point, groups: Groups) -> Sequence[float]:
    return groups.get(point.number) or ([] if point.value is None else [point.value])
