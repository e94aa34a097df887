"""Tests what can be done with editable files that are not Python: syntax, knobs and risks."""

from __future__ import annotations

import pytest

from engine.core.finding import Weight
from engine.core.patches.file_parts import join_files
from engine.core.patches.knob_settings import literal_settings
from engine.core.patches.knobs import KnobError, KnobKind, find_knobs, knob_changes, set_knobs
from engine.core.patches.language import Language, fence_name, key_of, language_of, syntax_problem
from engine.core.risk import RiskContext, assess_files

YAML = """\
# Training
defaults:
  - model: small      # of conf/model
optim:
    lr:   3e-4        # at most 1
    betas: [0.9, 0.95]
    nesterov: true
    kind: "adamw"     # adamw | sgd
    weight_decay: .1
seed: 42
model: &m {depth: 4, hidden-size: 64}
other: *m
eval:
  batch_size: 8
max_steps: 1000
note: >
  lr: 5
"""
TOML = """\
lr = 3e-4 # peak
[model]
depth=4
name = 'gpt'
text = \"\"\"
width = 3
\"\"\"
dropout = 0.10
[[layers]]
size = 3
[data]
path = "x"
"""
JSON = '{\n  "learningRate": 0.001, "model": {"numLayers": 2, "tied": false},\n  "seed": 1\n}\n'


@pytest.mark.parametrize(
    ("name", "language", "fence"),
    [
        ("train.py", Language.PYTHON, "python"),
        ("train", Language.PYTHON, "python"),
        ("conf/a.yml", Language.YAML, "yml"),
        ("a.toml", Language.TOML, "toml"),
        ("a.json", Language.JSON, "json"),
        ("prompt.md", Language.PROSE, "text"),
        ("run.sh", Language.CODE, "sh"),
        ("kernel.cu", Language.CODE, "cu"),
        ("src/a.jl", Language.CODE, "jl"),
        ("Makefile", Language.CODE, ""),
    ],
)
def test_the_language_follows_from_the_name(name: str, language: Language, fence: str) -> None:
    assert (language_of(name), fence_name(name)) == (language, fence)


@pytest.mark.parametrize(
    ("file", "text", "wrong"),
    [
        ("a.yaml", YAML, "a: [\n"),
        ("a.toml", TOML, "a = \n"),
        ("a.json", JSON, "{'a': 1}"),
        ("a.py", "a = 1\n", "a = (\n"),
    ],
)
def test_the_syntax_is_checked_by_language(file: str, text: str, wrong: str) -> None:
    assert syntax_problem(text, file) == ""
    assert language_of(file).value in syntax_problem(wrong, file)
    assert syntax_problem(wrong, "a.sh") == syntax_problem(wrong, "a.md") == ""


@pytest.mark.parametrize(
    ("file", "same", "other"),
    [
        ("a.toml", ("a = 1\n", "a=1 # one\n"), "a = 2\n"),
        ("a.json", ('{"a": 1}', '{\n"a":1}\n'), '{"a": 2}'),
        ("a.yaml", ("a: 1\n", "# one\na: 1  \n\n"), "a: 2\n"),
        ("a.sh", ("a\n", "a  \n\n"), "b\n"),
    ],
)
def test_texts_that_mean_the_same_have_the_same_key(
    file: str, same: tuple[str, str], other: str
) -> None:
    assert key_of(same[0], file) == key_of(same[1], file) != key_of(other, file)


@pytest.mark.parametrize(
    ("file", "text", "free", "fixed"),
    [
        (
            "c.yaml",
            YAML,
            [
                *("optim.lr", "optim.betas.0", "optim.betas.1", "optim.nesterov", "optim.kind"),
                *("optim.weight_decay", "model.depth", "model.hidden-size"),
            ],
            ["seed", "eval.batch_size", "max_steps", "defaults.0.model"],
        ),
        (
            "c.toml",
            TOML,
            ["lr", "model.depth", "model.dropout"],
            ["model.name", "data.path"],
        ),
        ("c.json", JSON, ["learningRate", "model.numLayers", "model.tied"], ["seed"]),
    ],
)
def test_single_values_are_knobs(file: str, text: str, free: list[str], fixed: list[str]) -> None:
    knobs = find_knobs(text, file)
    assert [k.name for k in knobs if k.kind is not KnobKind.FIXED] == free
    assert {k.name for k in knobs if k.kind is KnobKind.FIXED} == set(fixed)
    for knob in knobs:
        assert text[slice(*knob.span)] == knob.literal


def test_kinds_and_comments_of_values_are_read() -> None:
    knobs = {k.name: k for k in find_knobs(YAML, "c.yaml")}
    assert (knobs["optim.lr"].kind, knobs["optim.lr"].value) == (KnobKind.LOG, 3e-4)
    assert knobs["optim.lr"].comment == "at most 1"
    assert knobs["optim.kind"].parts[0].choices == ("adamw", "sgd")
    assert knobs["optim.betas.0"].kind is KnobKind.RATIO
    assert knobs["model.hidden-size"].kind is KnobKind.POWER_OF_TWO
    assert knobs["optim.nesterov"].value is True


@pytest.mark.parametrize(
    ("file", "text", "name", "old", "new"),
    [
        ("c.yaml", YAML, "optim.lr", "3e-4", "1e-3"),
        ("c.yaml", YAML, "optim.kind", '"adamw"', '"sgd"'),
        ("c.yaml", YAML, "model.depth", "4", "6"),
        ("c.toml", TOML.replace("\n", "\r\n"), "model.dropout", "0.10", "0.2"),
        ("c.json", JSON, "model.tied", "false", "true"),
    ],
)
def test_only_the_characters_of_a_value_are_replaced(
    file: str, text: str, name: str, old: str, new: str
) -> None:
    edited = set_knobs(text, {name: new}, file)
    knob = next(k for k in find_knobs(text, file) if k.name == name)
    start, end = knob.span
    assert (text[start:end], edited) == (old, text[:start] + new + text[end:])
    assert knob_changes(text, edited, file) == {name: (old, new)}
    with pytest.raises(KnobError, match="Invalid value"):
        set_knobs(text, {name: "[1, 2"}, file)


@pytest.mark.parametrize("file", ["c.yaml", "c.toml", "c.json"])
def test_an_invalid_file_has_no_knobs(file: str) -> None:
    with pytest.raises(KnobError, match="not valid"):
        find_knobs("{a: [", file)


def test_a_pin_names_values_of_a_settings_file() -> None:
    assert literal_settings("optim.lr=0.1, tied = true", ["c.yaml"]) == {
        "optim.lr": "0.1",
        "tied": "true",
    }
    assert literal_settings("optim.lr=0.1", ["train.py"]) == {}


def findings(file: str, before: str, after: str) -> list[tuple[str, Weight, tuple[int, ...]]]:
    found = assess_files(before, after, RiskContext(file=file))
    return [(f.rule, f.weight, f.lines) for f in found]


NOTE = ("not-python", Weight.NOTE)


@pytest.mark.parametrize(
    ("file", "text", "old", "new", "line"),
    [
        ("c.yaml", YAML, "seed: 42", "seed: 43", 10),
        ("c.yaml", YAML, "batch_size: 8", "batch_size: 4", 14),
        ("c.yaml", YAML, "max_steps: 1000", "max_steps: 2000", 15),
        ("c.toml", TOML, 'path = "x"', 'path = "y"', 12),
        ("c.json", JSON, '"seed": 1', '"seed": 2', 3),
    ],
)
def test_a_value_that_determines_the_result_is_asked_about(
    file: str, text: str, old: str, new: str, line: int
) -> None:
    found = findings(file, text, text.replace(old, new))
    assert ("guarded-setting", Weight.ASK, (line,)) in found
    assert (*NOTE, (line,)) in found


@pytest.mark.parametrize(
    ("file", "text", "old", "new"),
    [
        ("c.yaml", YAML, "3e-4", "1e-3"),
        ("c.toml", TOML, "depth=4", "depth=6"),
        ("c.json", JSON, "0.001", "0.002"),
        ("p.md", "Answer.\n", "Answer.", "Think, then answer."),
    ],
)
def test_other_values_and_texts_are_only_noted(file: str, text: str, old: str, new: str) -> None:
    assert [x[:2] for x in findings(file, text, text.replace(old, new))] == [NOTE]


def test_each_of_several_files_is_assessed_by_itself() -> None:
    before = join_files({"train.py": "A = 1\n", "c.yaml": YAML, "run.sh": "a\n"})
    after = before.replace("seed: 42", "seed: 43").replace("A = 1", "SEED = 1")
    found = assess_files(before, after, RiskContext(file="train.py"))
    assert {f.message.split(": ")[0] for f in found} == {"train.py", "c.yaml"}
    assert "guarded-setting" in {f.rule for f in found if f.weight is Weight.ASK}


def test_code_of_other_languages_is_always_asked_about() -> None:
    assert findings("a.jl", "a = 1\n", "a = 2\n") == [("not-python", Weight.ASK, (1,))]
    assert findings("a.jl", "a = 1\n", "a = 1\n") == []
