"""The engine: runs the ratchet, keeps its journal, and serves whoever watches. Knows no screen."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("autoresearch-tui")
except PackageNotFoundError:  # a bare checkout on sys.path, never installed
    __version__ = "0+checkout"
