"""For any bytes nothing is raised or invented, and an exported table reads back unchanged."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.enums import Direction
from engine.core.table import RowVerdict, Table, read_table, summarise
from engine.core.table.clean import to_csv, to_tsv
from engine.core.table.model import TableRow
from engine.core.table.plain_values import table_facts
from engine.core.table.shape import to_lines
from engine.core.text import one_line
from tests.work import ends_if_hung, lines_executed

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
SAMPLES = (
    HEADER + "\na1b2c3d\t0.99\t44.0\tkeep\tbaseline\nb1b2c3d\t0.98\t44.0\tdiscard\twider\n",
    "exp\tdescription\tscore\tstatus\ttimestamp\n1\tx\t0.5\tkept\t2026-03-26 13:10:21\n",
    "| commit | acc | status | notes |\n|---|---|---|---|\n| a1b2c3d | 0.5 | 保留 | x |\n",
    "commit,loss,status,description\na1b2c3d,0.5,keep,\"a, b\"\n",
    "┌────┬─────┐\n│ id │ f1 │\n├────┼─────┤\n│ 1 │ 0,5 │\n└────┴─────┘\n",
    "commit\\tppl\\tstatus\\n\na1b2c3d  0.5  keep\n# c\n\nSUMMARY\n" + HEADER + "\nx\ty\n",
)  # fmt: skip
PIECES = (
    *("\t", "\n", "\r", "\r\n", " ", "  ", ",", ";", "|", "│", "\\t", '"', "#", "\x00", "\ufeff"),
    *("commit", "val_bpb", "status", "description", "memory_gb", "keep", "discard", "crash", "ok"),
    *("0.98", "0", "-1", "nan", "0,98", "N/A", "a1b2c3d", "baseline", "é", "保留", "---", HEADER),
)
soup = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.floats(),
        st.integers(),
        st.sampled_from(PIECES),
        st.text(max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(PIECES), inner, max_size=3)
    ),
    max_leaves=6,
)
records = st.lists(
    st.dictionaries(
        st.sampled_from(
            ("commit", "metric", "status", "type", "metrics", "val_bpb", "metricName", *PIECES)
        ),
        values,
        max_size=6,
    ),
    max_size=8,
)
anything = st.one_of(
    records.map(lambda r: json.dumps(r).encode()),
    records.map(lambda r: "\n".join(map(json.dumps, r)).encode()),
    st.binary(max_size=400),
    st.text(max_size=400).map(lambda t: t.encode("utf-8", "surrogatepass")),
    soup.map(str.encode),
    soup.map(lambda t: t.encode("utf-16")),
    st.builds(lambda s, t: (s + t).encode(), st.sampled_from(SAMPLES), soup),
)


def check(data: bytes) -> Table:
    """Check the invariants of any table."""
    table = read_table(data)
    text_lines = max(len(data) + 1, 1)
    assert len(table.rows) + len(table.bad) <= text_lines
    assert [row.number for row in table.rows] == list(range(1, len(table.rows) + 1))
    lines = [row.line for row in table.rows]
    assert lines == sorted(set(lines))
    assert not set(lines) & {b.line for b in table.bad}
    for row in table.rows:
        assert row.value is None or math.isfinite(row.value)
        assert row.memory_gb is None or math.isfinite(row.memory_gb)
    stats = summarise(table)
    assert stats.counts.total == len(table.rows) == len(stats.incumbents)
    if stats.best is not None:
        assert stats.best.verdict in (RowVerdict.KEEP, RowVerdict.OTHER)
    msgspec.json.encode(table_facts(table))
    return table


@given(anything)
def test_nothing_is_raised_for_any_bytes(data: bytes) -> None:
    check(data)


@given(anything, st.text(max_size=12), st.sampled_from(Direction))
def test_nothing_is_raised_for_any_metric_or_direction(
    data: bytes, metric: str, way: Direction
) -> None:
    table = read_table(data, metric=metric, direction=way)
    assert table.direction is way
    assert table.metric_reason != "as asked" or table.metric is not None


@given(st.text(alphabet="ab\t\r\n\x0b\x1c\u2028", max_size=60))
def test_there_are_no_more_rows_than_lines(text: str) -> None:
    lines, more = to_lines(text)
    table = read_table(text.encode())
    assert not more
    assert len(table.rows) + len(table.bad) <= len(lines)


@given(anything)
def test_a_clean_table_reads_back_unchanged(data: bytes) -> None:
    table = read_table(data)
    clean = to_tsv(table)
    again = read_table(clean.encode("utf-8", "replace"))
    assert again.bad == ()
    assert list(map(_plain, again.rows)) == list(map(_plain, table.rows))
    assert to_tsv(again).count("\n") == clean.count("\n")


def _plain(row: TableRow) -> tuple[object, ...]:
    """What a clean table must keep: no unsafe characters and no runs of spaces."""
    words = one_line(row.description).replace(" ", "")
    value, memory = row.value, row.memory_gb
    if row.verdict is RowVerdict.CRASH:
        memory = memory or 0.0
    return (value, memory, row.verdict, words)


CLEAN_CELL = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=20)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a1b2c3d", "baseline", "b1b2c3d-dirty", "none"]),
            st.floats(0.001, 1e6),
            st.floats(0, 1000),
            st.sampled_from(list(RowVerdict)),
            CLEAN_CELL,
            CLEAN_CELL,
        ),
        min_size=1,
        max_size=12,
    )
)
def test_round_trip_of_a_table_made_by_hand(
    cells: list[tuple[str, float, float, RowVerdict, str, str]],
) -> None:
    rows = tuple(
        TableRow(
            number=i + 1,
            line=i + 2,
            commit=commit,
            value=value,
            memory_gb=memory,
            status=verdict.value,
            verdict=verdict,
            description=text,
            extras={"notes": more},
        )
        for i, (commit, value, memory, verdict, text, more) in enumerate(cells)
    )
    table = Table(
        metric="val_bpb",
        direction=Direction.MIN,
        metric_reason="",
        direction_reason="",
        rows=rows,
    )
    for written in (to_tsv(table), to_csv(table)):
        again = read_table(written.encode())
        assert again.metric == "val_bpb"
        assert [(r.commit, r.value, r.memory_gb, r.verdict) for r in again.rows] == [
            (r.commit, r.value, r.memory_gb, r.verdict) for r in rows
        ]
        texts = [" ".join(r.description.split()) for r in rows]
        assert [r.description for r in again.rows] == texts


def _big(lines: int) -> bytes:
    row = "a1b2c3d\t0.986041\t43.9\tdiscard\thalve batch 524K to 262K (more steps in 5 min)"
    return "\n".join([HEADER, *[row] * lines]).encode()


@pytest.mark.parametrize(
    ("make", "many"),
    [
        pytest.param(_big, 30_000, id="rows"),
        pytest.param(lambda n: b"commit,loss,status\n" + b'a,"\n' * 10 * n, 4_000, id="quotes"),
        pytest.param(lambda n: HEADER.encode() + b"\n" + b"x" * 60 * n, 30_000, id="one long line"),
        pytest.param(lambda n: HEADER.encode() + b"\n" + b"\t" * 60 * n, 30_000, id="empty cells"),
        pytest.param(
            lambda n: b"commit\tstatus\t" + b"a\t" * 20 * n + b"\nx\tkeep\n" * n,
            4_000,
            id="a wide header",
        ),
        pytest.param(lambda n: HEADER.encode() + b"\nx\ty" * 20 * n, 2_000, id="broken rows"),
        pytest.param(
            lambda n: b"| commit | loss |\n" + b"|" * 60 * n + b"\n|a|" * n, 30_000, id="pipes"
        ),
        pytest.param(
            lambda n: HEADER.replace("\t", "  ").encode() + b"\n" + b" " * 60 * n + b"x",
            30_000,
            id="spaces",
        ),
        pytest.param(
            lambda n: b"".join(b"commit\tstatus\tc%d\n" % (i % 7) for i in range(n)),
            4_000,
            id="headers",
        ),
        pytest.param(
            lambda n: b"".join(b"x%d\t1\t1\tkeeq%d\t-\n" % (i, i) for i in range(2 * n)),
            30_000,
            id="words",
        ),
        pytest.param(lambda n: b"commit,loss,status\n" + b"," * 60 * n, 30_000, id="commas"),
        pytest.param(lambda n: bytes(range(256)) * n, 30_000, id="binary"),
    ],
)
def test_the_work_grows_with_the_table_and_no_faster(
    make: Callable[[int], bytes], many: int
) -> None:
    few, more = make(50), make(200)
    # Four times the bytes; the rest is for thresholds at which the reader does a thing once more.
    assert lines_executed(lambda: read_table(more)) <= 5 * lines_executed(lambda: read_table(few))
    large = make(many)
    with ends_if_hung():
        read_table(large)


def _mutated(random_: random.Random) -> bytes:
    data = bytearray(random_.choice(SAMPLES).encode(random_.choice(["utf-8", "utf-16", "utf-8"])))
    if random_.random() < 0.5:
        data += random_.choice(SAMPLES).encode()
    for _ in range(random_.randint(1, 12)):
        at = random_.randrange(len(data) + 1)
        match random_.randrange(5):
            case 0:
                data[at : at + random_.randint(1, 9)] = b""
            case 1:
                data[at:at] = random_.choice(PIECES).encode("utf-8", "replace")
            case 2:
                data[at:at] = random_.randbytes(random_.randint(1, 4))
            case 3:
                end = random_.randrange(len(data) + 1)
                data[at:at] = data[min(at, end) : max(at, end)]
            case _:
                data = data[:at] if random_.random() < 0.2 else data
        if len(data) > 5000:
            break
    return bytes(data)


@pytest.mark.torture
def test_mutated_tables_for_three_minutes() -> None:
    seed = random.SystemRandom().randrange(2**32)
    source = random.Random(seed)
    end = time.monotonic() + 180
    count = 0
    while time.monotonic() < end:
        data = _mutated(source)
        try:
            table = check(data)
            again = read_table(to_tsv(table).encode("utf-8", "replace"))
            assert again.bad == ()
            assert list(map(_plain, again.rows)) == list(map(_plain, table.rows))
        except Exception as error:
            raise AssertionError(f"seed {seed}, table {count}: {data!r}") from error
        count += 1
    assert count > 1000
