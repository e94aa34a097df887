"""Before a session: inspect the repository, plan the session, open it."""
