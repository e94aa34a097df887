"""The whole session on one screen: every event, the leaderboard, all edits, what the agent is told,
how the search fares.
"""
