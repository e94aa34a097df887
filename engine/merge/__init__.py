"""Merges the keeps of a session that the user selects onto a new branch.

branch.py     reads the commits on the session's branch, and the kind of each
plan.py       finds the base branch, and recommends which keeps to select
replay.py     creates the new branch in a separate worktree
message.py    formats the message of a squash commit
conflicts.py  reads the conflicts of a commit that does not fit
revert.py     previews discarding an earlier keep
"""

from engine.merge.branch import BranchStep, StepKind
from engine.merge.conflicts import Conflict, ConflictError, Hunk
from engine.merge.plan import KeepSelection, MergePlan, plan_merge, select_steps
from engine.merge.replay import MergedBranch, MergeMethod, make_branch
from engine.merge.revert import RevertPreview, preview_revert

__all__ = [
    "BranchStep",
    "Conflict",
    "ConflictError",
    "Hunk",
    "KeepSelection",
    "MergeMethod",
    "MergePlan",
    "MergedBranch",
    "RevertPreview",
    "StepKind",
    "make_branch",
    "plan_merge",
    "preview_revert",
    "select_steps",
]
