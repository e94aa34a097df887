"""Irregular tables of results, and how they are read."""

from __future__ import annotations

import pytest

from engine.core.enums import Direction
from engine.core.table import Role, RowVerdict, Table, read_table

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
ROWS = (
    "a1b2c3d\t0.997900\t44.0\tkeep\tbaseline",
    "b1b2c3d\t0.986041\t43.9\tkeep\thalve batch",
    "c1b2c3d\t0.990000\t60.2\tdiscard\tadd warmup",
    "d1b2c3d\t0.000000\t0.0\tcrash\tbatch 131K",
)
USUAL = "\n".join((HEADER, *ROWS)) + "\n"


def read(text: str, metric: str | None = None, direction: Direction | None = None) -> Table:
    return read_table(text.encode(), metric=metric, direction=direction)


def told(table: Table) -> list[tuple[str, float | None, str, str]]:
    """Return the main fields of each row."""
    return [(r.commit, r.value, r.verdict.value, r.description) for r in table.rows]


PLAIN = [
    ("a1b2c3d", 0.9979, "keep", "baseline"),
    ("b1b2c3d", 0.986041, "keep", "halve batch"),
    ("c1b2c3d", 0.99, "discard", "add warmup"),
    ("d1b2c3d", None, "crash", "batch 131K"),
]


def note(table: Table, words: str) -> bool:
    return any(words in n for n in table.notes)


def test_the_usual_table() -> None:
    table = read(USUAL)
    assert told(table) == PLAIN
    assert (table.metric, table.direction, table.bad) == ("val_bpb", Direction.MIN, ())
    assert [c.role for c in table.columns] == [
        *(Role.COMMIT, Role.METRIC, Role.MEMORY, Role.STATUS, Role.DESCRIPTION)
    ]
    assert [r.line for r in table.rows] == [2, 3, 4, 5]
    assert [r.number for r in table.rows] == [1, 2, 3, 4]
    assert table.rows[1].memory_gb == 43.9
    assert table.notes == ()
    assert not table.problem


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(USUAL.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(USUAL.replace("\n", "\r\r\n").encode(), id="CRLF translated twice"),
        pytest.param(USUAL.replace("\n", "\r").encode(), id="lone CR"),
        pytest.param(USUAL.rstrip("\n").encode(), id="no last newline"),
        pytest.param(b"\xef\xbb\xbf" + USUAL.encode(), id="UTF-8 with a mark"),
        pytest.param(USUAL.encode("utf-16"), id="UTF-16 with a mark"),
        pytest.param(b"\xfe\xff" + USUAL.encode("utf-16-be"), id="UTF-16 BE with a mark"),
        pytest.param(USUAL.encode("utf-16-le"), id="UTF-16 LE without a mark"),
        pytest.param(USUAL.encode("utf-16-be"), id="UTF-16 BE without a mark"),
        pytest.param(USUAL.encode("utf-16-le") + b"\n", id="UTF-16 cut inside a letter"),
        pytest.param(USUAL.encode("utf-32"), id="UTF-32"),
        pytest.param(USUAL.replace("\t", "\\t").encode(), id="written-out tabs"),
        pytest.param(
            USUAL.replace(HEADER, HEADER.replace("\t", "\\t")).encode(),
            id="written-out tabs in the header alone",
        ),
        pytest.param(USUAL.replace("\t", "    ").encode(), id="runs of spaces"),
        pytest.param(USUAL.replace("\t", " ").encode(), id="single spaces"),
        pytest.param(
            USUAL.replace(ROWS[1], ROWS[1].replace("\t", "   ")).encode(),
            id="spaces for tabs in one row",
        ),
        pytest.param(
            USUAL.replace(ROWS[1], ROWS[1].replace("\t", " ")).encode(),
            id="single spaces for tabs in one row",
        ),
        pytest.param(
            USUAL.replace(ROWS[1], ROWS[1].replace("\t", "  ", 2)).encode(),
            id="tabs and spaces in one row",
        ),
        pytest.param(USUAL.replace("\t", ",").encode(), id="commas"),
        pytest.param(USUAL.replace("\t", ";").encode(), id="semicolons"),
        pytest.param(USUAL.replace("\n", "\n\n").encode(), id="blank lines"),
        pytest.param(USUAL.replace("\n", "\n# a comment\n").encode(), id="comments"),
        pytest.param(USUAL.replace(HEADER, "# " + HEADER).encode(), id="commented header"),
        pytest.param((USUAL + HEADER + "\n").encode(), id="repeated header"),
        pytest.param(USUAL.replace(ROWS[2], f"{HEADER}\n{ROWS[2]}").encode(), id="header between"),
        pytest.param(("\n".join(ROWS[:2]) + "\n" + HEADER + "\n" + "\n".join(ROWS[2:])).encode(),
                     id="header in the middle only"),
        pytest.param(("\n".join(ROWS) + "\n").encode(), id="no header"),
        pytest.param(USUAL.replace("batch", "bat\x00ch").encode(), id="NUL characters"),
        pytest.param((USUAL + "```\n").encode(), id="a code fence"),
        pytest.param(USUAL.replace("\n", "  \n").replace("\t", "\t ").encode(), id="padded cells"),
        pytest.param(USUAL.replace("keep", "Keep").replace("crash", "CRASH").encode(), id="case"),
    ],
)  # fmt: skip
def test_the_same_table_however_it_is_written(data: bytes) -> None:
    table = read_table(data)
    assert told(table) == PLAIN
    assert (table.metric, table.direction, table.bad) == ("val_bpb", Direction.MIN, ())


def test_a_pasted_markdown_table() -> None:
    lines = [line.replace("\t", " | ") for line in (HEADER, "-|-|-|:-:|-", *ROWS)]
    table = read("Results so far:\n\n" + "".join(f"| {line} |\n" for line in lines))
    assert told(table) == PLAIN
    assert [b.text for b in table.bad] == ["Results so far:"]
    emphasis = read("".join(f"| {line} |\n" for line in lines).replace("keep", "**keep**"))
    assert told(emphasis) == PLAIN
    bare = read("\n".join(lines))
    assert told(bare) == PLAIN
    escaped = read("\n".join(f"| {line} |" for line in lines).replace("halve", "a \\| b"))
    assert escaped.rows[1].description == "a | b batch"


@pytest.mark.parametrize("frame", ["┌─┬─┐├─┼─┤└─┴─┘│", "╔═╦═╗╠═╬═╣╚═╩═╝║", "+-+-++-+-++-+-+|"])
def test_a_pasted_box_table(frame: str) -> None:
    top, middle, bottom, wall = frame[:5], frame[5:10], frame[10:15], frame[15]

    def drawn(line: str) -> str:
        return wall + wall.join(f" {c:<12} " for c in line.split("\t")) + wall

    def rule(part: str) -> str:
        return part[0] + part[2].join(part[1] * 14 for _ in range(5)) + part[4]

    lines = [rule(top), drawn(HEADER), rule(middle), *map(drawn, ROWS), rule(bottom)]
    table = read("\n".join(lines))
    assert told(table) == PLAIN
    assert table.bad == ()
    # A long cell is wrapped into a line of its own.
    lines.insert(4, drawn("\t\t\t\tof all depths"))
    wrapped = read("\n".join(lines))
    assert wrapped.rows[0].description == "baseline of all depths"
    assert len(wrapped.rows) == 4


def test_any_columns_in_any_order() -> None:
    table = read(
        "experiment\tdescription\tpeak_vram_mb\tverdict\tval_acc\tcommit\tcategory\ttimestamp\tlr\n"
        "0\tbaseline\t2048\tbaseline\t0.91\ta1b2c3d\tother\t2026-04-03T16:50:11+09:00\t0.1\n"
        "1\twider\t4096\treverted\t0.90\tb1b2c3d\tshape\t2026-04-03T17:50:11+09:00\t0.2\n"
    )
    assert (table.metric, table.direction) == ("val_acc", Direction.MAX)
    row = table.rows[1]
    assert (row.commit, row.value, row.memory_gb) == ("b1b2c3d", 0.90, 4.0)
    assert (row.status, row.verdict, row.category) == ("reverted", RowVerdict.DISCARD, "shape")
    assert row.at is not None and row.at.hour == 17
    assert row.extras == {
        "experiment": "1",
        "category": "shape",
        "timestamp": "2026-04-03T17:50:11+09:00",
        "lr": "0.2",
    }


def test_chinese_headers_and_words() -> None:
    text = "提交\t准确率\t显存\t状态\t描述\na1b2c3d\t0.9\t1.0\t保留\t基线\n"
    text += "b1b2c3d\t0.8\t1.0\t丢弃\t更宽\n"
    for data in (text.encode(), text.encode("gb18030"), text.encode("utf-16")):
        table = read_table(data)
        assert (table.metric, table.direction) == ("准确率", Direction.MAX)
        assert [r.verdict.value for r in table.rows] == ["keep", "discard"]
        assert table.rows[0].description == "基线"


def test_two_schemas_one_after_the_other() -> None:
    later = "run\tcommit\tbpb\tresult\tnotes\n5\te1b2c3d\t0.95\tkept\tlonger\n"
    table = read(USUAL + later)
    assert told(table) == [*PLAIN, ("e1b2c3d", 0.95, "keep", "longer")]
    assert note(table, "another header in line 6")
    other = read(USUAL + later.replace("bpb", "accuracy"))
    assert other.metric == "val_bpb"
    assert other.rows[-1].value is None
    assert other.rows[-1].extras["accuracy"] == "0.95"


def test_two_schemas_mixed_without_a_second_header() -> None:
    strange = "2026-03-26 13:10:21\t20274\t112.63\t180.0\ttrue\tnull\t{}"
    table = read("\n".join((HEADER, *(f"{row}\n{strange}9" for row in ROWS))))
    assert told(table) == PLAIN
    assert [(b.line, b.reason[:8]) for b in table.bad] == [(n, "7 fields") for n in (3, 5, 7, 9)]
    assert table.bad[0].text == strange + "9"


def test_a_newline_inside_a_description() -> None:
    table = read(USUAL.replace("halve batch", "halve\nthe batch, because\n\tit was large"))
    assert [r.line for r in table.rows] == [2, 3, 6, 7]
    assert table.rows[1].description == "halve\nthe batch, because\n\tit was large"
    assert table.bad == ()
    assert note(table, "2 lines joined")


@pytest.mark.parametrize(
    "description",
    [
        'he said ""no""\nand left',
        'a\nb ""c""',
        '""a""\n""b"", c',
        '""\n""',
        'a ""b\nc"" d\n\ne',
        '""""\nx',
    ],
)
def test_marks_in_a_quoted_cell_over_several_lines(description: str) -> None:
    text = (
        f'commit,val_bpb,status,description,notes\na1b2c3d,0.99,keep,"{description}","x, y"\n'
        'b1b2c3d,0.98,discard,plain,"5"" wide"\n'
    )
    table = read_table(text.encode())
    assert [row.commit for row in table.rows] == ["a1b2c3d", "b1b2c3d"]
    assert table.rows[0].description == description.replace('""', '"')
    assert not table.bad


def test_a_mark_that_is_not_closed_does_not_take_in_the_lines_below() -> None:
    lines = ('a1b2c3d,0.99,keep,"5 wide', 'b1b2c3d,0.98,discard,6" wide', 'c1b2c3d,0.97,keep,"7"')
    text = "\n".join(("commit,val_bpb,status,description", *lines))
    assert [row.commit for row in read_table(text.encode()).rows] == [
        "a1b2c3d",
        "b1b2c3d",
        "c1b2c3d",
    ]


def test_a_newline_in_a_cell_in_the_middle() -> None:
    header = "exp\tdescription\tval_bpb\tpeak_mem_gb\tstatus\tnotes"
    table = read(f"{header}\n1\tbase\t1.1\t6.0\tkeep\tx\n2\tone\ntwo\nthree\t1.0\t6.0\tkeep\ty\n")
    assert told(table)[1] == ("", 1.0, "keep", "one\ntwo\nthree")
    assert table.bad == ()


def test_text_below_the_table_is_not_part_of_it() -> None:
    table = read(USUAL + "\nSUMMARY\n=======\nOne clear winner.\n")
    assert told(table) == PLAIN
    assert [b.line for b in table.bad] == [7, 8, 9]
    assert {b.reason for b in table.bad} == {"text between the rows"}


@pytest.mark.parametrize(
    ("line", "seen", "flaw"),
    [
        ("e1b2c3d\t0.95\t44.0\tkeep", ("e1b2c3d", 0.95, "keep", ""), True),
        ("e1b2c3d\t0.95\tkeep\ttried it", ("e1b2c3d", 0.95, "keep", "tried it"), True),
        ("e1b2c3d\t0.95", ("e1b2c3d", 0.95, "other", ""), True),
        ("e1b2c3d\t0.95\t44.0\tkeep\ta\ttab", ("e1b2c3d", 0.95, "keep", "a tab"), True),
        ("e1b2c3d\t0.95\t44.0\tkeep\tx\t\t", ("e1b2c3d", 0.95, "keep", "x"), False),
        ("e1b2c3d\t0.95\t-\t44.0\tkeep\tx", ("e1b2c3d", 0.95, "keep", "x"), True),
    ],
)
def test_rows_too_short_or_too_long(
    line: str, seen: tuple[str, float | None, str, str], flaw: bool
) -> None:
    table = read(USUAL + line + "\n")
    assert told(table) == [*PLAIN, seen]
    assert bool(table.rows[-1].flaw) is flaw
    assert table.bad == ()


def test_surplus_fields_are_kept() -> None:
    table = read(USUAL + "e1b2c3d\t0.95\t-\t44.0\tkeep\tx\n")
    assert table.rows[-1].extras == {"surplus": "44.0"}


def test_quotes_are_ordinary_characters_in_tsv() -> None:
    table = read(USUAL.replace("halve batch", '"halve batch').replace("add warmup", 'a 5" "x" y'))
    assert [r.description for r in table.rows[1:3]] == ['"halve batch', 'a 5" "x" y']
    assert len(table.rows) == 4


def test_quotes_between_commas() -> None:
    text = USUAL.replace("\t", ",")
    quoted = read(text.replace("halve batch", '"halve, then ""double"", batch"'))
    assert quoted.rows[1].description == 'halve, then "double", batch'
    broken = read(text.replace("halve batch", '"halve\nthe, batch"'))
    assert broken.rows[1].description == "halve\nthe, batch"
    assert len(broken.rows) == 4
    for odd in ('a 5" drive', '"never closed'):
        unbalanced = read(text.replace("halve batch", odd))
        assert unbalanced.rows[1].description == odd
        assert len(unbalanced.rows) == 4


@pytest.mark.parametrize("text", ["a | b | c", "a, b, c; d", "a\\tb\\tc", "a   b   c"])
@pytest.mark.parametrize("comma", ["\t", ";", " | "])
def test_delimiters_inside_descriptions(text: str, comma: str) -> None:
    if comma.strip() and comma.strip() in text:
        return
    written = USUAL.replace("\t", comma)
    for words in ("baseline", "halve batch", "add warmup", "batch 131K"):
        written = written.replace(words, text)
    table = read(written)
    assert [r.description for r in table.rows] == [text] * 4
    assert [r.value for r in table.rows] == [0.9979, 0.986041, 0.99, None]


def test_texts_in_place_of_a_hash() -> None:
    words = ["baseline", "none", "a1b2c3d-dirty", "TBD", "reverted", "-", ""]
    lines = [f"{word}\t0.9\t1.0\tkeep\tx" for word in words]
    table = read("\n".join((HEADER, *lines)))
    assert [r.commit for r in table.rows] == words


@pytest.mark.parametrize("cell", ["0", "0.000000", "N/A", "–", "-", "nan", "inf", "", "null", "—"])
def test_the_placeholder_of_a_crash_is_not_a_value(cell: str) -> None:
    table = read(USUAL + f"e1b2c3d\t{cell}\t0.0\tcrash\tx\n")
    assert table.rows[-1].value is None
    assert table.rows[-1].value_text == cell


def test_numbers_with_more_than_digits() -> None:
    table = read(USUAL.replace("0.986041", "0.98 (±0.01)").replace("0.990000", "0,99"))
    assert [r.value for r in table.rows[1:3]] == [0.98, 0.99]


def test_ok_beside_discard_is_a_keep_and_beside_keep_is_not() -> None:
    rows = "a1b2c3d\t0.9\t1\tok\tx\nb1b2c3d\t0.8\t1\tdiscard\ty\n"
    assert [r.verdict.value for r in read(f"{HEADER}\n{rows}").rows] == ["keep", "discard"]
    rows += "c1b2c3d\t0.7\t1\tkeep\tz\n"
    assert [r.verdict.value for r in read(f"{HEADER}\n{rows}").rows] == ["other", "discard", "keep"]


def test_failed_with_a_number_is_a_discard() -> None:
    rows = "a1b2c3d\t0.9\t1\tfailed\tx\nb1b2c3d\t0.0\t1\tfailed\ty\n"
    assert [r.verdict.value for r in read(f"{HEADER}\n{rows}").rows] == ["discard", "crash"]


def test_an_unknown_header_above_numbers() -> None:
    table = read("alpha\tbeta\n1.5\tsome words here\n1.7\tother words here\n")
    assert table.metric == "alpha"
    assert [r.value for r in table.rows] == [1.5, 1.7]
    assert table.rows[0].description == "some words here"


def test_columns_without_a_header_are_identified_by_their_cells() -> None:
    table = read(
        "2026-06-20T18:55:00Z\tbaseline\tkeep\t100.0000\t0.00\tfaithful port of the function\n"
    )
    (row,) = table.rows
    assert (row.commit, row.value, row.verdict.value) == ("baseline", 100.0, "keep")
    assert row.description == "faithful port of the function"
    assert row.at is not None
    assert note(table, "no header")


def test_a_header_alone() -> None:
    for text in (HEADER, HEADER.replace("\t", "\\t"), HEADER.replace("\t", ",")):
        table = read(text)
        assert (table.rows, table.bad, table.problem) == ((), (), "")
        assert table.metric == "val_bpb"


def test_the_direction_is_inferred_from_the_kept_rows() -> None:
    header = "commit\tD_geomean\tstatus\tdescription\n"
    up = "a1\t38.9\tkeep\tx\nb1\t70.0\tkeep\tx\nc1\t20.0\tdiscard\tx\n"
    assert read(header + up).direction is Direction.MAX
    down = "a1\t38.9\tkeep\tx\nb1\t30.0\tkeep\tx\nc1\t50.0\tdiscard\tx\n"
    assert read(header + down).direction is Direction.MIN
    assert "lower values were kept" in read(header + down).direction_reason
    assert "unknown" in read(header + "a1\t38.9\tkeep\tx\n").direction_reason


def test_rows_that_clearly_contradict_a_name_overrule_it() -> None:
    rows = "".join(f"a{i}b2c3d\t{9 - i}.5\t1\tkeep\tx\n" for i in range(8))
    table = read(HEADER.replace("val_bpb", "score") + "\n" + rows)
    assert table.direction is Direction.MIN
    assert "contrary to its name" in table.direction_reason


def test_metric_and_direction_as_asked() -> None:
    text = HEADER.replace("val_bpb", "val_bpb\tlatency_s") + "\n"
    text += "a1b2c3d\t0.9\t5.5\t44.0\tkeep\tx\n"
    table = read(text, "Latency-S", Direction.MAX)
    assert (table.metric, table.direction, table.rows[0].value) == ("latency_s", Direction.MAX, 5.5)
    assert (table.metric_reason, table.direction_reason) == ("as asked", "as asked")
    assert table.rows[0].extras == {"val_bpb": "0.9"}
    missing = read(text, "f1")
    assert missing.metric == "val_bpb"
    assert "no column 'f1'" in missing.metric_reason


@pytest.mark.parametrize(
    ("header", "metric"),
    [
        (
            "commit\taccuracy\tadjusted_score\tcost_per_doc\tlatency_s\tstatus\tdescription",
            "accuracy",
        ),
        ("commit\tscore\tval_score\tother_score\tstatus\tdescription", "score"),
        ("commit\ttrain_loss\tval_loss\tstatus\tdescription", "val_loss"),
        ("exp\tdescription\ttok_sec\tval_bpb\tmfu\tsteps\tstatus", "val_bpb"),
        ("commit\tlatency_s\tf1\tstatus\tdescription", "f1"),
        ("commit\tdelta_acc\tacc\tstatus\tdescription", "acc"),
        ("commit\tseconds\tstatus\tdescription", "seconds"),
        ("date\texperiment\tmetric_before\tmetric_after\tstatus\tdescription", "metric_after"),
    ],
)
def test_which_column_is_the_metric(header: str, metric: str) -> None:
    cells = {"commit": "a1b2c3d", "status": "keep", "description": "words of it", "exp": "1"}
    rows = "".join(
        "\t".join(cells.get(n, f"{i}.5") for n in header.split("\t")) + "\n" for i in range(3)
    )
    assert read(f"{header}\n{rows}").metric == metric


def test_duplicate_names() -> None:
    table = read("commit\tscore\tscore\t\tstatus\na1b2c3d\t0.5\t0.6\tx\tkeep\n")
    assert [c.name for c in table.columns] == ["commit", "score", "score (2)", "column 4", "status"]
    assert table.rows[0].extras["score (2)"] == "0.6"


def test_the_commit_of_a_base_is_not_the_rows_own() -> None:
    table = read("exp\tval_bpb\tstatus\tbaseline_sha\nexp1\t0.9\tkeep\t3fb6704\n")
    assert table.rows[0].commit == ""


def test_rows_numbered_with_a_hash_sign_are_not_comments() -> None:
    table = read("#\tval_bpb\tstatus\tdescription\n#1\t0.9\tkeep\tx\n# no row\n#2\t0.8\tkeep\ty\n")
    assert [r.value for r in table.rows] == [0.9, 0.8]
    assert note(table, "1 comment")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "empty"),
        (b"\n \n\t\n", "empty"),
        (b"PAR1" + bytes(range(256)) * 4, "binary"),
        (bytes(range(256)) * 40, "binary"),
        (b"\x00" * 5000, "binary"),
        (b"Dear diary,\ntoday nothing happened.\n", "no columns"),
        (b"name\tcolour\nAda\tred\nBob\tblue\n", "it has no column for a metric or a status"),
    ],
)
def test_a_file_that_is_not_a_table_is_reported(data: bytes, problem: str) -> None:
    table = read_table(data)
    assert problem in table.problem
    assert not any(row.verdict is RowVerdict.KEEP for row in table.rows)


def test_broken_bytes() -> None:
    latin = USUAL.replace("halve", "hälve").encode("cp1252")
    assert read_table(latin).rows[1].description == "hälve batch"
    assert note(read_table(latin), "Windows Latin")
    mixed = USUAL.replace("halve", "hälve — ≈ né").encode().replace(b"warmup", b"warm\xffup")
    assert read_table(mixed).rows[1].description == "hälve — ≈ né batch"
    assert note(read_table(mixed), "1 bytes are not UTF-8")
    cut = read_table(USUAL.rstrip().encode() + "é".encode()[:1])
    assert told(cut) == PLAIN


@pytest.mark.parametrize("name", ["result", "outcome", "action"])
def test_some_verdicts_make_a_column_of_an_ambiguous_name_the_status(name: str) -> None:
    text = USUAL.replace("\tstatus\t", f"\t{name}\t")
    text = text.replace("\tdiscard\t", "\tso-so\t").replace("\tcrash\t", "\tunclear\t")
    table = read(text)
    assert [c.name for c in table.columns if c.role is Role.STATUS] == [name]
    assert [row.verdict for row in table.rows[:2]] == [RowVerdict.KEEP, RowVerdict.KEEP]


def test_a_quoted_cell_may_be_empty_or_hold_quotes() -> None:
    header, *rows = (line.split("\t") for line in USUAL.splitlines())
    rows[0][-1], rows[1][-1], rows[2][-1] = '""', '"a ""b"", c"', '"d"'
    table = read("\n".join(",".join(cells) for cells in (header, *rows)) + "\n")
    assert [row.description for row in table.rows] == ["", 'a "b", c', "d", "batch 131K"]


def test_a_quoted_cell_after_other_quoted_cells_continues_on_the_next_line() -> None:
    text = USUAL.replace("\t", ",").replace("baseline", '"the old\nbase"')
    table = read(text.replace("a1b2c3d", '"a1b2c3d"').replace("halve batch", '"halve"'))
    assert [row.description for row in table.rows] == [
        *("the old\nbase", "halve", "add warmup", "batch 131K")
    ]
    assert not table.bad
