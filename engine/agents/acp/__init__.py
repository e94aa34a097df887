"""Coding-agent CLIs as proposers: they edit a scratch worktree, and the edited file counts."""
