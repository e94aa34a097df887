"""The overview screen of a session: its events, leaderboard, edits, next prompt and health."""
