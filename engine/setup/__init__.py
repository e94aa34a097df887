"""Before a session: inspect the repository, plan, open."""
