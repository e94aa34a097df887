"""Which binding a name refers to, by Python's own rules of scope."""

from __future__ import annotations

import ast

import pytest

from engine.core.risk import ParsedSource

SOURCE = """
value = 1
class Outer:
    value = 2
    seen_in_class = value
    def method(self):
        seen_in_method = value
        return seen_in_method
def function(value=3):
    seen_in_function = value
    def inner():
        seen_in_inner = value
        return seen_in_inner
    return inner
def other():
    seen_in_other = value
    return seen_in_other
"""


@pytest.mark.parametrize(
    ("reader", "line"),
    [
        ("seen_in_class", 4),
        # The body of a class is not a scope for its methods.
        ("seen_in_method", 2),
        ("seen_in_function", 9),
        ("seen_in_inner", 9),
        ("seen_in_other", 2),
    ],
)
def test_a_name_refers_to_the_nearest_scope_that_binds_it(reader: str, line: int) -> None:
    source = ParsedSource(SOURCE)
    (binding,) = source.by_name[reader]
    assert isinstance(binding.value, ast.Name)
    found = source.bindings_of("value", source.scope(binding.value))
    assert [getattr(b.node, "lineno", None) for b in found] == [line]


def test_a_name_that_nothing_binds_has_no_binding() -> None:
    source = ParsedSource(SOURCE)
    assert source.bindings_of("absent", None) == []


@pytest.mark.parametrize(
    ("imports", "name", "path"),
    [
        ("import torch.nn as nn", "nn.Linear", "torch.nn.Linear"),
        ("import torch", "torch.nn", "torch.nn"),
        ("from torch import nn as layers", "layers.Linear", "torch.nn.Linear"),
        ("", "self.x", "self.x"),
        ("import torch", "plain", "plain"),
    ],
)
def test_a_stored_name_is_resolved_through_its_import(imports: str, name: str, path: str) -> None:
    assert ParsedSource(f"{imports}\nx = 1\n").stored_path(name) == path
