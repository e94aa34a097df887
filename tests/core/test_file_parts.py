"""Tests an edit of several files: joined into one text, patched, searched and re-applied."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.core.patches.file_parts import (
    heading_in,
    heading_of,
    is_joined,
    join_files,
    split_files,
    texts_of,
)
from engine.core.patches.knobs import find_knobs, knob_changes, set_knobs
from engine.core.patches.language import edit_problem, key_of
from engine.core.patches.patch import (
    PatchError,
    apply_moved_patch,
    apply_patch,
    changed_lines,
    count_lines,
    file_patches,
    make_patch,
    same_change,
)
from engine.core.patches.place import patch_id
from engine.core.patches.refit import refit
from engine.core.patches.search_replace import BlockError, apply_blocks, find_blocks

TRAIN = "import model\nDEPTH = 4\nLR = 0.1\nfor _ in range(3):\n    pass\n"
MODEL = "DEPTH = 4\nWIDTH = 64\n"
BASE = join_files({"train.py": TRAIN, "lib/model.py": MODEL})
EDITED = join_files(
    {"train.py": TRAIN.replace("0.1", "0.2"), "lib/model.py": MODEL.replace("64", "128")}
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60).filter(
    lambda text: not heading_in(text)
)


@given(st.dictionaries(st.sampled_from(["a.py", "b c.yaml", "d/e.sh"]), texts, min_size=2))
@example({"a.py": "no end", "b c.yaml": ""})
@example({"a.py": "a\r\nb", "d/e.sh": "\n"})
def test_files_are_joined_and_split_without_loss(files: dict[str, str]) -> None:
    joined = join_files(files)
    assert texts_of(joined, "x") == files
    for part in split_files(joined, "x"):
        assert joined[part.start :].startswith(part.text)
    other = {name: text + "more\n" for name, text in files.items()}
    patch = make_patch("x", joined, join_files(other))
    assert apply_patch(joined, patch) == join_files(other)
    assert [p.name for p in file_patches(patch)] == list(files)


def test_one_file_is_its_own_text() -> None:
    assert join_files({"a.py": TRAIN}) == TRAIN
    assert not is_joined(TRAIN)
    assert texts_of(TRAIN, "a.py") == {"a.py": TRAIN}
    assert heading_in(f"x = 1\n{heading_of('a.py')}\n") == heading_of("a.py")


def test_a_patch_of_several_files_has_a_section_for_each_changed_one() -> None:
    patch = make_patch("train.py", BASE, EDITED)
    assert [part.name for part in file_patches(patch)] == ["train.py", "lib/model.py"]
    assert count_lines(patch) == (2, 2)
    assert changed_lines(patch)[0] == "-LR = 0.1\n"
    assert apply_patch(BASE, patch) == apply_moved_patch(BASE, patch) == EDITED
    one = join_files({"train.py": TRAIN, "lib/model.py": MODEL.replace("64", "128")})
    patch = make_patch("train.py", BASE, one)
    assert [part.name for part in file_patches(patch)] == ["lib/model.py"]
    assert apply_patch(BASE, patch) == one
    assert apply_patch(MODEL, patch) == MODEL.replace("64", "128")
    with pytest.raises(PatchError, match=r"other\.py"):
        apply_patch(BASE, patch.replace("lib/model.py", "other.py"))


def test_lines_that_look_like_headers_are_lines_of_their_hunk() -> None:
    before, after = "-- a/x\n++ b/x\n1\n", "-- b/x\n++ b/x\n2\n"
    patch = make_patch("x.sql", before, after)
    assert [part.name for part in file_patches(patch)] == ["x.sql"]
    assert count_lines(patch) == (2, 2)
    assert apply_patch(before, patch) == after


def test_equal_changes_of_two_files_are_two_edits() -> None:
    first = BASE.replace("DEPTH = 4", "DEPTH = 5", 1)
    second = join_files(
        {"train.py": TRAIN, "lib/model.py": MODEL.replace("DEPTH = 4", "DEPTH = 5")}
    )
    assert patch_id(BASE, first) != patch_id(BASE, second)
    assert key_of(first) != key_of(second) != key_of(BASE)
    patches = [make_patch("train.py", BASE, text) for text in (first, second)]
    assert not same_change(*patches)
    assert same_change(patches[0], patches[0])


def test_an_edit_is_applied_again_to_files_that_changed_elsewhere() -> None:
    now = BASE.replace("import model\n", "import model\nimport os\n")
    expected = EDITED.replace("import model\n", "import model\nimport os\n")
    assert refit(BASE, EDITED, now) == expected


def test_knobs_of_the_same_name_are_told_apart_by_their_file() -> None:
    names = [knob.name for knob in find_knobs(BASE)]
    assert names == ["train.DEPTH", "LR", "model.DEPTH", "WIDTH"]
    edited = set_knobs(BASE, {"model.DEPTH": "6", "LR": "0.2"})
    assert edited == join_files(
        {"train.py": TRAIN.replace("0.1", "0.2"), "lib/model.py": MODEL.replace("= 4", "= 6")}
    )
    assert knob_changes(BASE, edited) == {"model.DEPTH": ("4", "6"), "LR": ("0.1", "0.2")}


BLOCK = "<<<<<<< SEARCH\n{}\n=======\n{}\n>>>>>>> REPLACE\n"


@pytest.mark.parametrize(
    "answer",
    [
        "FILE: lib/model.py\n" + BLOCK.format("DEPTH = 4", "DEPTH = 6"),
        "**lib/model.py**:\n```python\n" + BLOCK.format("DEPTH = 4", "DEPTH = 6") + "```\n",
        "Deeper.\n" + BLOCK.format("DEPTH = 4\nWIDTH = 64", "DEPTH = 6\nWIDTH = 64"),
        "FILE: other.py\n" + BLOCK.format("DEPTH = 4\nWIDTH = 64", "DEPTH = 6\nWIDTH = 64"),
    ],
)
def test_a_block_changes_the_file_that_it_names_or_fits(answer: str) -> None:
    edited = apply_blocks(BASE, find_blocks(answer).blocks)
    assert texts_of(edited, "") == {
        "train.py": TRAIN,
        "lib/model.py": MODEL.replace("DEPTH = 4", "DEPTH = 6"),
    }


@pytest.mark.parametrize(
    ("search", "says"), [("DEPTH = 4", "write `FILE: `"), ("NO = 1", "not found once in any")]
)
def test_a_block_that_fits_no_file_or_several_is_refused(search: str, says: str) -> None:
    with pytest.raises(BlockError, match=says):
        apply_blocks(BASE, find_blocks(BLOCK.format(search, "x")).blocks)


def test_blocks_of_both_files_are_one_edit() -> None:
    answer = BLOCK.format("LR = 0.1", "LR = 0.2") + BLOCK.format("WIDTH = 64", "WIDTH = 128")
    assert apply_blocks(BASE, find_blocks(answer).blocks) == EDITED


def test_headings_must_stay() -> None:
    assert edit_problem(BASE, EDITED, "train.py") == ""
    assert "heading lines" in edit_problem(BASE, MODEL, "train.py")
    broken = EDITED.replace("WIDTH = 128", "WIDTH = (")
    assert edit_problem(BASE, broken, "train.py").startswith("lib/model.py is not valid Python")
