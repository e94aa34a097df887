"""The session in words; pure."""
