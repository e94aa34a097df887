"""Agents and risk rules of installed packages."""

from __future__ import annotations

import importlib.metadata
import itertools

import pytest

from engine.agents.base import agent_names
from engine.entry_points import _of_all_packages
from engine.plugins import load_rules


def test_a_process_reads_the_installed_packages_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read, calls = importlib.metadata.distributions, itertools.count(1)
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: next(calls) and read())
    _of_all_packages.cache_clear()
    assert {"acp", "llm", "mix", "search"} <= set(agent_names())
    assert load_rules()
    agent_names()
    assert next(calls) == 2
