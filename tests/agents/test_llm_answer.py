"""Any answer is parsed without an error, and half an edit is never taken for a whole one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.agents.llm.answer import (
    FALLBACK_HYPOTHESIS,
    HYPOTHESIS_CHARACTERS,
    ThinkSplitter,
    is_complete_file,
    parse_answer,
)
from engine.core.enums import CATEGORIES
from engine.core.patches.search_replace import Block
from tests.work import ends_if_hung, lines_executed

EDIT = "<<<<<<< SEARCH\nLR = 1\n=======\nLR = 2\n>>>>>>> REPLACE\n"
BLOCK = Block("LR = 1\n", "LR = 2\n")


@pytest.mark.parametrize(
    "text",
    [
        f"HYPOTHESIS: Twice the rate.\nCATEGORY: optimizer\nRATIONALE: It is\ntoo low.\n"
        f"EXPECTED: -0.002\n\n{EDIT}",
        f"{EDIT}\nExpected: -0.002\ncategory: Optimizer.\nrationale: It is\ntoo low.\n"
        "Hypothesis: Twice the rate.\n",
        f"**HYPOTHESIS:** Twice the rate.\n**Category**: `optimizer`\n**Rationale:** It is\n"
        f"too low.\n**Expected effect:** -0.002\n\ntrain.py\n```python\n{EDIT}```\n",
        f"## Hypothesis\n\nTwice the rate.\n\n## Category\nOPTIMISER\n## Rationale:\nIt is\n"
        f"too low.\n\n### Expected\n\n-0.002\n\n**train.py**\n```\n{EDIT}```",
        f"- HYPOTHESIS: Twice the rate.\r\n- CATEGORY: learning rate\r\n- RATIONALE: It is\r\n"
        f"too low.\r\n- EXPECTED: -0.002\r\n{EDIT}",
        f"<think>HYPOTHESIS: no\n{EDIT.replace('2', '3')}</think>\nHYPOTHESIS: Twice the rate.\n"
        f"CATEGORY: optimizer\nRATIONALE: It is\ntoo low.\nEXPECTED: -0.002\n{EDIT}",
        f"HYPOTHESIS: no\n{EDIT.replace('2', '3')}\n</think>\nHYPOTHESIS: Twice the rate.\n"
        f"CATEGORY: optimizer\nRATIONALE: It is\ntoo low.\nEXPECTED: -0.002\n{EDIT}",
    ],
)
def test_headers_and_edit_are_found_in_any_markup(text: str) -> None:
    answer = parse_answer(text)
    assert answer.hypothesis == "Twice the rate."
    assert answer.category == "optimizer"
    assert answer.rationale == "It is\ntoo low."
    assert answer.expected == "-0.002"
    assert answer.blocks == (BLOCK,)
    assert answer.whole_file is None
    assert answer.problem == ""


def test_a_rationale_may_have_paragraphs() -> None:
    answer = parse_answer(f"RATIONALE: One.\n\nTwo.\n\nFile: train.py\n```\n{EDIT}```\n")
    assert answer.rationale == "One.\n\nTwo."


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("architecture", "architecture"),
        ("Regularization", "regularisation"),
        ("LR schedule", "schedule"),
        ("weight decay", "regularisation"),
        ("efficiency / architecture", "efficiency"),
        ("simplify", "simplification"),
        ("quantum", "other"),
        ("", "other"),
    ],
)
def test_the_category_is_one_of_eight(text: str, category: str) -> None:
    assert parse_answer(f"CATEGORY: {text}\n{EDIT}").category == category


@pytest.mark.parametrize(
    ("text", "hypothesis"),
    [
        (f"I raise LR to 0.04 now. It may help.\n{EDIT}", "I raise LR to 0.04 now"),
        (EDIT, FALLBACK_HYPOTHESIS),
        (f"train.py\n```python\n{EDIT}```", FALLBACK_HYPOTHESIS),
        ("", FALLBACK_HYPOTHESIS),
        (f'HYPOTHESIS: **"A  b"**\n{EDIT}', "A b"),
        (f"HYPOTHESIS: a\x1b[31mb\x07c\u202ed\n{EDIT}", "abcd"),
        (f"HYPOTHESIS:\nOn the next line\n{EDIT}", "On the next line"),
        ("```python\n# HYPOTHESIS: in code\n```\nReally this.", "Really this"),
    ],
)
def test_the_hypothesis_is_one_clean_line(text: str, hypothesis: str) -> None:
    assert parse_answer(text).hypothesis == hypothesis


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no SEARCH/REPLACE"),
        ("I would rather not.", "no SEARCH/REPLACE"),
        ("```python\nLR = 2\n```\n", "no SEARCH/REPLACE"),
        (EDIT + "<<<<<<< SEARCH\nB = 1\n=======\nB", "cut off"),
        (EDIT + "<<<<<<< SEARCH\nB = 1\n>>>>>>> REPLACE", "Block 2"),
    ],
)
def test_an_incomplete_edit_is_rejected(text: str, problem: str) -> None:
    answer = parse_answer(text)
    assert problem in answer.problem
    assert answer.blocks == ()
    assert answer.whole_file is None


@pytest.mark.parametrize(
    ("text", "file", "problem"),
    [
        ("HYPOTHESIS: x\n\n```python\nLR = 2\n```\n", "LR = 2\n", ""),
        ("```py\r\nLR = 2\r\n```", "LR = 2\n", ""),
        ("````python\nD = '''\n```\nx\n```\n'''\n````\n", "D = '''\n```\nx\n```\n'''\n", ""),
        ("```python\nD = '''\n```\nx\n```\n'''\n```\n", "D = '''\n```\nx\n```\n'''\n", ""),
        ("```python\nLR = 2\n```\nRun:\n```sh\npython train.py\n```", "LR = 2\n", ""),
        ("```python\nLR = 2\n", None, "no end"),
        ("```python\na\n```\n```python\nb\n```", None, "2 fences"),
        ("LR = 2", None, "no ```python"),
    ],
)
def test_a_whole_file_is_read_when_asked_for(text: str, file: str | None, problem: str) -> None:
    answer = parse_answer(text, whole_file_fence="python")
    assert answer.whole_file == file
    assert problem in answer.problem
    assert bool(answer.problem) == (file is None)


@pytest.mark.parametrize(
    "unit",
    [*"a\n #`*<=1.", "```\n", "~~~", "```python\n", "<think>", "</think>\n", EDIT, "x. ", "- ",
     "<<<<<<< SEARCH\n", "=======\n", "RATIONALE: x\n", "HYPOTHESIS:", "\x1b]", "_/", "word ",
     "\u202e", "\n\n"],
)  # fmt: skip
def test_the_work_grows_with_the_answer_and_no_faster(unit: str) -> None:
    def read(size: int) -> None:
        text = unit * (size // len(unit))
        for whole in (text, f"HYPOTHESIS: {text}", f"{text}\n{EDIT}"):
            parse_answer(whole, whole_file_fence="python")

    assert lines_executed(lambda: read(8_000)) <= 4 * lines_executed(lambda: read(2_000))
    with ends_if_hung():
        read(1_000_000)


@given(st.text(alphabet="HYPOTHESIS: *#`\n<=> SEARCH/REPLACEthink\x1b\u202e", max_size=300))
def test_any_text_is_read(text: str) -> None:
    answer = parse_answer(text, whole_file_fence="python")
    assert 0 < len(answer.hypothesis) <= HYPOTHESIS_CHARACTERS
    assert answer.hypothesis.isprintable()
    assert answer.category in CATEGORIES
    assert bool(answer.problem) == (not answer.blocks and answer.whole_file is None)


def split(chunks: list[str]) -> list[tuple[str, str]]:
    """What the splitter makes of chunks, neighbours of a kind joined."""
    splitter = ThinkSplitter()
    pieces = [piece for chunk in chunks for piece in splitter.feed(chunk)] + splitter.finish()
    joined: list[tuple[str, str]] = []
    for kind, text in pieces:
        if joined and joined[-1][0] == kind:
            joined[-1] = (kind, joined[-1][1] + text)
        else:
            joined.append((kind, text))
    return joined


CODE = '<<<<<<< SEARCH\na = "<think>"\n=======\nb = "</think>"\n>>>>>>> REPLACE\n'


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("<think>a</think>b", [("reasoning", "a"), ("answer", "b")]),
        ("<Thinking>a</THINKING>b", [("reasoning", "a"), ("answer", "b")]),
        ("<reasoning>a</think></reasoning>b", [("reasoning", "a</think>"), ("answer", "b")]),
        ("b <think>a", [("answer", "b "), ("reasoning", "a")]),
        ("a <thin", [("answer", "a <thin")]),
        ("<think>a</thin", [("reasoning", "a</thin")]),
        (CODE, [("answer", CODE)]),
        (
            f"```python\n{CODE}<think>\n```\n<think>x</think>",
            [("answer", f"```python\n{CODE}<think>\n```\n"), ("reasoning", "x")],
        ),
    ],
)
def test_thinking_is_split_off_wherever_the_stream_is_cut(
    text: str, pieces: list[tuple[str, str]]
) -> None:
    assert split([text]) == pieces
    assert split(list(text)) == pieces
    for size in range(2, 9):
        assert split([text[at : at + size] for at in range(0, len(text), size)]) == pieces


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<", "/", "a\n", "```\n", "<<<<< SEARCH\n"])),
    st.lists(st.integers(1, 9)),
)
def test_cuts_make_no_difference(words: list[str], sizes: list[int]) -> None:
    text, chunks = "".join(words), list[str]()
    rest = text
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    assert split([*chunks, rest]) == split([text])


BASE = "import math\n\nALPHA = 0.3\nWIDTH = 4\n\nfor step in range(3):\n    print(step)\n"


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        (BASE.replace("0.3", "0.4"), True),
        (BASE + "print('done')\n", True),
        ("ALPHA = 0.4\n", False),
        (BASE.replace("    print(step)\n", "    ...\n"), False),
        (BASE.replace("WIDTH = 4", "# ... rest of the code unchanged"), False),
        (BASE.replace("0.3", "0.4").replace("    print(step)\n", "    # as before\n"), False),
        ("", False),
    ],
)
def test_an_excerpt_is_not_taken_for_the_file(text: str, complete: bool) -> None:
    assert is_complete_file(text, BASE) is complete


def test_a_fence_is_kept_beside_the_problem_where_nothing_else_is_found() -> None:
    text = f"HYPOTHESIS: more\n\n```python\n{BASE}```\n"
    answer = parse_answer(text, other_fence="python")
    assert answer.fenced == BASE and answer.problem
    assert parse_answer(text).fenced is None
    block = "<<<<<<< SEARCH\nALPHA = 0.3\n=======\nALPHA = 0.4\n>>>>>>> REPLACE\n"
    assert parse_answer(text + block, other_fence="python").fenced is None


def test_a_diff_is_an_edit_and_its_lines_are_no_rationale() -> None:
    diff = "--- a/train.py\n+++ b/train.py\n@@ -3 +3 @@\n-ALPHA = 0.3\n+ALPHA = 0.4\n"
    answer = parse_answer(f"HYPOTHESIS: more\nRATIONALE: it helps\n\n{diff}")
    assert answer.diff is not None and not answer.problem and not answer.blocks
    assert answer.rationale == "it helps"
    unfinished = parse_answer(f"{diff}\n<<<<<<< SEARCH\nALPHA = 0.3\n")
    assert unfinished.diff is None and unfinished.problem
