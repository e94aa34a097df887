"""Computes figures about a session: noise, plateau, forecast, health, leaderboard."""
