"""Faults made on purpose, each noticed by the test that states its rule."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.mutation.runner import ROOT, Worker
from tests.mutation.worker import TEST_FAILED

HAND: list[dict[str, str]] = tomllib.loads(
    (Path(__file__).parent / "hand.toml").read_text("utf-8")
)["mutant"]
pytestmark = pytest.mark.xdist_group("hand mutants")


def test_the_named_tests_pass_without_a_fault(worker: Worker) -> None:
    tests = dict.fromkeys(mutant["test"] for mutant in HAND)
    assert worker.run("", None, tests) == 0


@pytest.mark.parametrize("mutant", HAND, ids=[mutant["rule"] for mutant in HAND])
def test_a_fault_is_noticed(worker: Worker, mutant: dict[str, str]) -> None:
    source = (ROOT / mutant["file"]).read_text("utf-8")
    assert source.count(mutant["old"]) == 1, "the changed text stands once in the file"
    changed = source.replace(mutant["old"], mutant["new"])
    assert worker.run(mutant["file"], changed, [mutant["test"]]) == TEST_FAILED
