"""The value of a text expression as far as it is known without running it."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.risk import ParsedSource
from engine.core.risk.folding import NUMBER, TEXT, fold, literal


def folded(expression: str, before: str = "") -> str:
    """Fold an expression that stands after some statements."""
    source = ParsedSource(f"{before}\nresult = ({expression})\n")
    statement = source.tree.body[-1]
    assert isinstance(statement, ast.Assign)
    return fold(source, statement.value)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'abc'", "abc"),
        ("b'abc\\xff'", "abc\xff"),
        ("12", "12"),
        ("1.5", "1.5"),
        ("True", "True"),
        ("None", TEXT),
        ("unknown", TEXT),
        ("unknown()", TEXT),
        ("'a' + 'b' + 'c'", "abc"),
        ("'a' + unknown", "a" + TEXT),
        ("'ab' * 3", "ababab"),
        ("'ab' * 0", ""),
        ("'ab' * -1", TEXT),
        ("'ab' * unknown", TEXT),
        ("('a' + unknown) * 2", "a" + TEXT),
        ("f'a{1}b'", "a1b"),
        ("f'{\"x\"}:{unknown}'", "x:" + TEXT),
        ("f'{unknown:.3f}'", NUMBER),
        ("f'{unknown:,}'", NUMBER),
        ("f'{unknown:>10}'", TEXT),
        ("f'{unknown!r}'", TEXT),
        ("'%s=%d%%' % ('a', 3)", f"a={NUMBER}%"),
        ("'%s %s' % ('a',)", "a " + TEXT),
        ("'%s' % 'a'", "a"),
        ("'%(x)s-%(y).2f' % values", f"{TEXT}-{NUMBER}"),
        ("'{} {}'.format('a', 'b')", "a b"),
        ("'{1} {0}'.format('a', 'b')", "b a"),
        ("'{2}'.format('a')", TEXT),
        ("'{} {}'.format('a')", "a " + TEXT),
        ("'{x}{{}}'.format(x='a')", "a{}"),
        ("'{x}'.format(y='a')", TEXT),
        ("'{:.2f}|{!r:>4}'.format(1, 'a')", f"{NUMBER}|a"),
        ("'-'.join(['a', 'b'])", "a-b"),
        ("'-'.join(('a', unknown))", "a-" + TEXT),
        ("''.join('abc')", "abc"),
        ("''.join(unknown)", TEXT),
        ("'abc'[::-1]", "cba"),
        ("'abc'[:]", "abc"),
        ("'abc'[::2]", "abc"),
        ("'abc'[1:]", TEXT),
        ("str('a')", "a"),
        ("repr(5)", "5"),
        ("ascii('a')", "a"),
        ("str('a', 'b')", TEXT),
        ("chr(97)", "a"),
        ("chr(0x110000)", TEXT),
        ("chr(-1)", TEXT),
        ("' aBc '.strip()", "aBc"),
        ("'aBc'.lower()", "abc"),
        ("'aBc'.upper()", "ABC"),
        ("'aBc'.swapcase()", "AbC"),
        ("'ab cd'.title()", "Ab Cd"),
        ("' a '.lstrip() + '|'", "a |"),
        ("' a '.rstrip() + '|'", " a|"),
        ("unknown.lower()", TEXT),
        ("'a'.encode()", "a"),
        ("b'a'.decode('utf-8')", "a"),
        ("'a'.ljust(9)", "a"),
        ("'abc'.replace('b', 'x')", "axc"),
        ("'abc'.replace('b', 'x', 1)", "axc"),
        ("'abc'.replace('b')", TEXT),
        ("'abc'.replace(unknown, 'x')", TEXT),
        ("'abc'.replace('', 'x')", TEXT),
        ("'abc'.zfill(9)", TEXT),
    ],
)
def test_the_text_of_an_expression(expression: str, text: str) -> None:
    assert folded(expression) == text


@pytest.mark.parametrize(
    ("before", "expression", "text"),
    [
        ("a = 'x'", "a + 'y'", "xy"),
        ("a = 'x'\nb = a + 'y'", "b * 2", "xyxy"),
        ("a = 5", "f'{a}'", "5"),
        ("a = b = 'x'", "a", "x"),
        ("(a := 'x')", "a", "x"),
        # A name that is set twice, or by anything but an assignment, is not known.
        ("a = 'x'\na = 'y'", "a", TEXT),
        ("a = 'x'\na += 'y'", "a", TEXT),
        ("for a in ['x']: pass", "a", TEXT),
        ("import a", "a", TEXT),
        ("a = b\nb = a", "a", TEXT),
        ("a = a + 'x'", "a", TEXT),
    ],
)
def test_a_name_stands_for_its_only_value(before: str, expression: str, text: str) -> None:
    found = folded(expression, before)
    assert found == text or (text == TEXT and TEXT in found)


def test_a_name_of_a_number_computed_elsewhere_is_unknown() -> None:
    assert folded("a", "a = 2 * 3") == TEXT


def test_long_texts_are_cut_and_deep_ones_given_up() -> None:
    assert len(folded("'x' * 9999")) == 200
    assert len(folded("('x' * 200) * 200")) == 4000
    assert len(folded(repr("x" * 5000))) == 4000
    assert len(folded(" + ".join([repr("x" * 3000)] * 2))) == 4000
    deep = " + ".join(["'x'"] * 40)
    assert TEXT in folded(deep)


def test_a_literal_is_empty_unless_all_of_it_is_known() -> None:
    source = ParsedSource("a = 'x'\nb = a + c\nd = f'{c:.2f}'\n")
    known, unknown, number = (s.value for s in source.tree.body if isinstance(s, ast.Assign))
    assert literal(source, known) == "x"
    assert literal(source, unknown) == literal(source, number) == ""


@given(st.text(max_size=20), st.text(max_size=20))
def test_what_is_folded_is_what_python_computes(one: str, other: str) -> None:
    expression = f"({one!r} + {other!r})[::-1].upper()"
    assert folded(expression) == eval(expression)
