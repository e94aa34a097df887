"""Edits of the one file."""
