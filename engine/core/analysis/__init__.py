"""Figures about a session."""
