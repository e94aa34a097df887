"""The agent `acp`: a coding-agent CLI edits a scratch worktree; the edited file is the draft."""
