"""Whether runs use the edited file, judged from a run with an unusable one."""

from __future__ import annotations

import ast
import json
import re
import tomllib

import pytest

from engine.core.edit_use import UNUSABLE, EditUse, combine_uses, judge_use, same_file

HERE, COPY = "src/tiny/train.py", "/home/u/project/src/tiny/train.py"


def judged(
    file: str = HERE,
    *,
    measured: bool = False,
    ended: bool = True,
    opened: bool = False,
    others: tuple[str, ...] = (),
) -> EditUse:
    return judge_use(
        file,
        "val_loss",
        measured=measured,
        ended=ended,
        opened=opened,
        others=others,
        checkout="/home/u/project",
    )


@pytest.mark.parametrize(
    ("used", "reason", "facts"),
    [
        (True, "The run fails when train.py is unusable.", {}),
        (True, "The run fails when train.py is unusable.", {"opened": True}),
        (False, "It printed val_loss although train.py was unusable.", {"measured": True}),
        (
            False,
            "It printed val_loss although train.py was unusable and was opened.",
            {"measured": True, "opened": True},
        ),
        (False, "It ran on although train.py was unusable.", {"ended": False}),
        (True, "The run opened train.py.", {"ended": False, "opened": True}),
        (False, f"It uses {COPY}, and not the edited file.", {"others": (COPY,)}),
        (
            False,
            f"It uses {COPY}, and not the edited file.",
            {"others": ("/x/train.py", COPY), "measured": True},
        ),
        (True, "The run fails when train.py is unusable.", {"others": ("/x/train.py",)}),
        (True, "The run fails when train.py is unusable.", {"others": (COPY,), "opened": True}),
        (
            False,
            "It uses /x/train.py, and not the edited file.",
            {"others": ("/x/train.py",), "measured": True},
        ),
        (
            True,
            "The run fails when c.json is unusable.",
            {"file": "c.json", "others": ("/x/c.json",)},
        ),
        (
            False,
            "It uses /home/u/project/c.json, and not the edited file.",
            {"file": "c.json", "others": ("/x/c.json", "/home/u/project/c.json")},
        ),
        (
            None,
            "Any text is valid in p.txt, and no Python program opened it.",
            {"file": "p.txt", "measured": True, "others": ("/x/p.txt",)},
        ),
        (True, "The run opened p.txt.", {"file": "p.txt", "measured": True, "opened": True}),
        (True, "The run opened p.txt.", {"file": "p.txt", "ended": False, "opened": True}),
        (True, "The run fails when p.txt is unusable.", {"file": "p.txt"}),
        (
            None,
            "Any text is valid in p.txt, and no Python program opened it.",
            {"file": "p.txt", "measured": True},
        ),
        (
            None,
            "Any text is valid in p.txt, and no Python program opened it.",
            {"file": "p.txt", "ended": False},
        ),
    ],
)
def test_the_use_of_the_edited_file(
    used: bool | None, reason: str, facts: dict[str, object]
) -> None:
    named = re.search("It uses (.*), and", reason)
    instead = named[1] if named is not None else ""
    assert judged(**facts) == EditUse(used, reason, instead=instead)  # type: ignore[arg-type]


def test_a_copy_has_the_name_of_the_file_and_of_its_directory() -> None:
    others = ("/a/other/train.py", "/b/tiny/train.py")
    assert same_file("src/tiny/train.py", others, "/a") == "/b/tiny/train.py"


@pytest.mark.parametrize(
    ("path", "is_copy"),
    [
        ("/a/b/train.py", True),
        ("/v/lib/python3.11/site-packages/train.py", True),
        ("/v/lib/python3.11/site-packages/detect/train.py", False),
        ("/a/c/train.py", False),
        ("/a/b/pretrain.py", False),
    ],
)
def test_a_copy_of_a_file_at_the_top_is_in_the_checkout_or_installed(
    path: str, is_copy: bool
) -> None:
    assert same_file("train.py", (path,), "/a/b") == (path if is_copy else "")


@pytest.mark.parametrize("parse", [ast.parse, json.loads, tomllib.loads])
def test_no_parser_accepts_the_unusable_text(parse: object) -> None:
    with pytest.raises((SyntaxError, ValueError)):
        parse(UNUSABLE)  # type: ignore[operator]


USED, UNKNOWN = EditUse(True, "It fails."), EditUse(None, "Any text is valid.")
UNUSED = EditUse(False, "It ran on.")
ANOTHER = EditUse(False, "It uses /a/b.py, and not that.", instead="/a/b.py")


@pytest.mark.parametrize(
    ("uses", "together", "unused"),
    [
        ((USED,), USED, []),
        ((UNUSED,), UNUSED, ["0"]),
        ((USED, USED), USED, []),
        ((USED, UNUSED), USED, ["1"]),
        ((UNUSED, USED), USED, ["0"]),
        ((UNUSED, UNUSED), UNUSED, ["0", "1"]),
        ((USED, ANOTHER), ANOTHER, ["1"]),
        ((USED, UNKNOWN), UNKNOWN, []),
    ],
)
def test_the_uses_of_several_files_are_combined(
    uses: tuple[EditUse, ...], together: EditUse, unused: list[str]
) -> None:
    named = {str(index): use for index, use in enumerate(uses)}
    assert combine_uses(named) == (together, unused)
