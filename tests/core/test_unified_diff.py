"""Unified diffs in a model's answer: applied where they fit exactly, else refused."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.patches.file_parts import join_files
from engine.core.patches.search_replace import BlockError
from engine.core.patches.unified_diff import apply_hunks, find_diff

FILE = (
    "import math\n\nALPHA = 0.3\nWIDTH = 4\n\n\n"
    "def f(x):\n    return x\n\n\ndef g(x):\n    return x\n"
)
HEAD = "HYPOTHESIS: a larger ALPHA\nRATIONALE: it helps\n\n"
NUMBERED = (
    "--- a/train.py\n+++ b/train.py\n@@ -3,2 +3,2 @@\n-ALPHA = 0.3\n+ALPHA = 0.4\n WIDTH = 4\n"
)
BARE = "--- train.py\n+++ train.py\n@@\n-ALPHA = 0.3\n+ALPHA = 0.4\n WIDTH = 4\n"
V4A = (
    "*** Begin Patch\n*** Update File: train.py\n@@\n-ALPHA = 0.3\n+ALPHA = 0.4\n WIDTH = 4\n"
    "*** End Patch\n"
)


def applied(answer: str, source: str = FILE, files: tuple[str, ...] = ("train.py",)) -> str:
    found = find_diff(answer)
    assert found is not None
    return apply_hunks(source, found.hunks, files)


@pytest.mark.parametrize("diff", [NUMBERED, BARE, V4A])
@pytest.mark.parametrize("form", ["{}", "```diff\n{}```\nThat is all.\n", "\n\n{}\n\nGood luck!\n"])
def test_a_diff_is_found_and_applied(diff: str, form: str) -> None:
    answer = HEAD + form.format(diff)
    assert applied(answer) == FILE.replace("0.3", "0.4")
    found = find_diff(answer)
    assert found is not None
    assert "HYPOTHESIS" in found.outside and "ALPHA = 0.4" not in found.outside


def test_wrong_line_numbers_do_not_matter_where_the_lines_occur_once() -> None:
    assert applied(NUMBERED.replace("-3,2 +3,2", "-90,2 +90,7")) == FILE.replace("0.3", "0.4")


def test_the_line_number_decides_between_equal_places() -> None:
    hunk = "--- a/train.py\n+++ b/train.py\n@@ -{0} +{0} @@\n-    return x\n+    return -x\n"
    first, second = (applied(hunk.format(line)) for line in (8, 12))
    assert first == FILE.replace("return x", "return -x", 1)
    assert second == first.replace("return -x", "return x").replace(
        "g(x):\n    return x", "g(x):\n    return -x"
    )
    with pytest.raises(BlockError, match="found 2 times"):
        applied(hunk.format(5))


@pytest.mark.parametrize(
    ("diff", "why"),
    [
        (NUMBERED.replace("ALPHA = 0.3", "ALPHA = 0.30"), "not in the file"),
        (NUMBERED.replace("train.py", "prepare.py"), "may not be edited"),
        (NUMBERED.replace("b/train.py", "b/other/train.py"), "may not be edited"),
        ("--- a/train.py\n+++ b/train.py\n@@ -3,0 +4 @@\n+BETA = 1\n", "no line of the file"),
    ],
)
def test_a_diff_that_does_not_fit_is_refused(diff: str, why: str) -> None:
    with pytest.raises(BlockError, match=why):
        applied(diff)


@pytest.mark.parametrize(
    "text", ["", HEAD, "@@ -1 +1 @@\n-a\n+b\n", "--- a\n\n+++ b\n", "+++ b/x\n--- a/x\n", "---\n"]
)
def test_other_text_is_no_diff(text: str) -> None:
    assert find_diff(text) is None


def test_several_files_and_hunks() -> None:
    files = {"train.py": FILE, "lab/model.py": "DEPTH = 4\n"}
    other = "--- a/lab/model.py\n+++ b/lab/model.py\n@@ -1 +1 @@\n-DEPTH = 4\n+DEPTH = 6\n"
    result = applied(f"{NUMBERED}{other}", join_files(files), tuple(files))
    assert result == join_files(files).replace("0.3", "0.4").replace("DEPTH = 4", "DEPTH = 6")


def test_line_ends_of_the_file_are_kept() -> None:
    crlf = FILE.replace("\n", "\r\n")
    assert applied(NUMBERED, crlf) == crlf.replace("0.3", "0.4")


LINES = st.lists(st.sampled_from(["a", "b", "c = 1", "", "    d", "e"]), min_size=1, max_size=12)


@given(LINES, LINES)
def test_a_diff_of_two_texts_gives_the_second_or_is_refused(old: list[str], new: list[str]) -> None:
    before, after = ("".join(f"{line}\n" for line in lines) for lines in (old, new))
    diff = difflib.unified_diff(
        before.splitlines(True), after.splitlines(True), "a/train.py", "b/train.py"
    )
    found = find_diff("".join(diff))
    if found is None:
        assert before == after or not before.strip()
        return
    try:
        result = apply_hunks(before, found.hunks, ("train.py",))
    except BlockError:
        return
    assert result.rstrip("\n") == after.rstrip("\n")
