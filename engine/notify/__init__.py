"""Notifications by ntfy, Slack, mail and others to a user who is away from the terminal."""
