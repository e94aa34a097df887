"""Loads the risk rules and the keep rules: the built-in ones, and those of installed packages.

A package names a `Rule`, or a sequence of them, in the entry-point group
`autoresearch_tui.risk_rules`, and a `KeepRule` in `autoresearch_tui.keep_rules`. Loading reads the
installed packages, so it is not part of the pure core.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.core.errors import ConfigError
from engine.core.keep_rule import RULES as RULES_BY_NAME
from engine.core.keep_rule import KeepRule
from engine.core.risk import RULES, Edit, Rule, RuleHit, Weight
from engine.entry_points import entry_points

ENTRY_POINT_GROUP = "autoresearch_tui.risk_rules"
KEEP_RULES_GROUP = "autoresearch_tui.keep_rules"


def load_keep_rule(name: str) -> KeepRule:
    """Return the keep rule of a name, a built-in one or one of an installed package.

    Raises:
        ConfigError: There is no such rule, or its package cannot be loaded.
    """
    if name in RULES_BY_NAME:
        return RULES_BY_NAME[name]
    points = entry_points(group=KEEP_RULES_GROUP)
    for point in points:
        if point.name == name:
            try:
                rule: KeepRule = point.load()
            except Exception as error:  # a package of others
                raise ConfigError(
                    f"The keep rule {name!r} cannot be loaded.",
                    f"{type(error).__name__}: {error}.",
                    "Correct the package that brings it, or choose another --rule.",
                ) from error
            return rule
    known = ", ".join([*RULES_BY_NAME, *sorted(point.name for point in points)])
    raise ConfigError(
        f"There is no keep rule called {name!r}.", f"Installed: {known}.", "Choose one with --rule."
    )


def load_rules() -> tuple[Rule, ...]:
    """Load all risk rules; one that fails to load becomes a rule that warns about it at every edit.

    A rule with the name of a built-in one does not replace it: an installed package cannot remove
    a guard.
    """
    found = list(RULES)
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda p: p.name):
        try:
            found += _rules(point.load())
        except Exception as error:  # a package of others; the assessment must go on
            found.append(_broken(point.name, type(error).__name__))
    return tuple(found)


def _rules(value: object) -> Sequence[Rule]:
    many = value if isinstance(value, list | tuple) else [value]
    rules = [one for one in many if isinstance(one, Rule)]
    if not rules or len(rules) < len(many):
        raise TypeError("no Rule")
    return rules


def _broken(name: str, why: str) -> Rule:
    def check(edit: Edit) -> Iterable[RuleHit]:
        yield (), f"The installed rule {name!r} cannot be loaded ({why}), so it was not applied."

    return Rule(name, Weight.ASK, check)
