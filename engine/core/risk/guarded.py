"""Compares slices of base and candidate, ignoring constants an experiment may change."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from engine.core.risk.edit import Edit, Fact
from engine.core.risk.slicing import Slice
from engine.core.risk.source import ParsedSource

_KNOB = re.compile(r"_?[A-Z][A-Z0-9_]*$")
_GUARDED_KNOB = re.compile(
    r"EVAL|(^|_)(VAL|TEST|UNCOUNTED|SKIP|EXCLUDED?|BUDGET|SECONDS|MINUTES|TIME)(_|$)"
)


def differences(edit: Edit, before: Slice, after: Slice) -> tuple[list[ast.AST], list[ast.AST]]:
    """Return the slice's statements new in the candidate, and those removed from the base.

    Assignments to free knobs are left out.

    Args:
        edit: The edit.
        before: The slice of the base.
        after: The slice of the candidate.
    """
    sides = {id(edit.base): before, id(edit.candidate): after}

    def facts(source: ParsedSource) -> Iterable[Fact]:
        free = free_knobs(edit)
        for key, node in sides[id(source)].facts:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)]) if name in free:
                    continue
            yield key, node

    return edit.added(facts), edit.removed(facts)


def free_knobs(edit: Edit) -> set[str]:
    """Return the names of the module-level constants in capitals that an experiment may change.

    They are set equally often in base and candidate, and their names do not suggest a part of the
    measurement, as `EVAL_TOKENS` or `TIME_BUDGET` do.
    """
    before, after = (
        {
            (name, len(bound))
            for name, bound in source.by_name.items()
            if _KNOB.fullmatch(name)
            and not _GUARDED_KNOB.search(name)
            and all(b.scope is None and isinstance(b.node, ast.Assign) for b in bound)
        }
        for source in (edit.base, edit.candidate)
    )
    return {name for name, _ in before & after}
