"""`docs/risk.md`: written from the rules themselves."""

from __future__ import annotations

from engine.core.finding import Weight
from engine.core.risk.assessment import RULES

_MEANING = {
    Weight.BLOCK: "Never run without a person's approval, whatever the autonomy.",
    Weight.ASK: "A person is asked where the autonomy is `ask-risky`.",
    Weight.NOTE: "Shown beside the diff; the edit runs.",
}
_HEAD = """\
# Risk assessment

Written by `python -m engine.core.risk.page`; change the rules' docstrings, not this page.

Each edit is compared with the file it starts from, as syntax trees: what that file already does is
never a finding. `autoresearch-tui assess CANDIDATE --base FILE` does the same for any two files;
its exit code is 0 whatever it finds.
"""
_FOOT = """
A file that is not valid Python gives `unreadable` (ask); a rule that fails gives a finding of
weight ask under its own name.

## Rules of your own

An entry point in the group `autoresearch_tui.risk_rules` that names an `engine.core.risk.Rule`, or
a list of them. It adds to the rules above and replaces none of them.

```python
from engine.core.risk import Edit, Weight, rule


@rule("no-dropout", Weight.NOTE)
def no_dropout(edit: Edit):
    \"\"\"Dropout: it has never helped here.\"\"\"
    if "Dropout" in edit.candidate.text and "Dropout" not in edit.base.text:
        yield (), "The edit uses dropout."
```

## What it cannot see

- What a model computes. The evaluation calls the edit's own `forward`: a model that leaks the
  future, remembers what it was shown, counts its calls, or returns made-up logits looks like any
  other. The harness's check of causality and the engine's checks of what a run reports remain.
- Work that hides in what looks like preparation: a constructor, an import, the first call of a data
  loader. Only backward passes, optimizer steps and repeated calls outside of the clock are found.
- Luck: another order of random draws is another seed.
- Values known only when the file runs, behind names that cannot be followed. The ways to make such
  names (`getattr`, `globals`, `exec`, decoded text) are findings of weight ask.
- Renaming: a guarded variable under a new name is a finding, though nothing else changed.
- Memory, beyond a rough product of well-known knobs at module level.
"""


def risk_page() -> str:
    """The whole page."""
    lines = [_HEAD.rstrip("\n")]
    for weight in Weight:
        lines += ["", f"## {weight.value}", "", _MEANING[weight], ""]
        lines += ["| rule | what it looks for, and why |", "|---|---|"]
        lines += [f"| `{r.name}` | {r.about} |" for r in RULES if r.weight is weight]
    return "\n".join(lines) + "\n" + _FOOT


if __name__ == "__main__":
    print(risk_page(), end="")
