"""Take what is good: the kept commits of a session, and a new branch made of those a person wants.

line.py         the commits on the session's branch, and what each is
plan.py         what they are worth, where they would go, and which are recommended
replay.py       the new branch, made in a worktree of its own
message.py      what the commit of a squash says
conflicts.py    what did not fit, shown and never guessed
taking_back.py  what stands on a keep in the middle
"""

from engine.merge.conflicts import Conflict, ConflictError, Hunk
from engine.merge.line import BranchStep, StepKind
from engine.merge.plan import KeepSelection, MergePlan, choose, plan_merge
from engine.merge.replay import How, Merged, make_branch
from engine.merge.taking_back import TakingBack, look_at_keep

__all__ = [
    "BranchStep",
    "Conflict",
    "ConflictError",
    "How",
    "Hunk",
    "KeepSelection",
    "MergePlan",
    "Merged",
    "StepKind",
    "TakingBack",
    "choose",
    "look_at_keep",
    "make_branch",
    "plan_merge",
]
