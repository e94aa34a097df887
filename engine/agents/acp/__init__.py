"""Coding-agent CLIs as agents: they edit a scratch worktree, and the edited file is the draft."""
