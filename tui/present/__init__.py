"""Formats sessions, experiments and events as text for the screens and the command line."""
