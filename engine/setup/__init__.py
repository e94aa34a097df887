"""Prepares a session: inspects the repository, plans the session, checks the machine, opens it."""
