"""The keep rules: which measured edits are kept, discarded or run again."""

from engine.core.config import CONFIRM, GREEDY, MIN_DELTA
from engine.core.keep_rule.confirm import Confirm
from engine.core.keep_rule.single_run import SingleRun
from engine.core.keep_rule.trial import KeepRule

RULES: dict[str, KeepRule] = {
    CONFIRM: Confirm(),
    GREEDY: SingleRun(by_min_delta=False),
    MIN_DELTA: SingleRun(by_min_delta=True),
}
"""The keep rules that come with the program, by the name that the config gives."""

__all__ = ["RULES", "KeepRule"]
