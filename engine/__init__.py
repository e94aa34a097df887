"""The engine: runs the ratchet, keeps its journal, and serves clients. Knows no screen."""

__version__ = "0.1.0"
"""Version of the whole package; pyproject.toml takes it from here."""
