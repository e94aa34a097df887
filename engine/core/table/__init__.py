"""Any results.tsv, read without a complaint: `read_table` in, `Table` out, `summarise` its figures.

decode.py      bytes to text
shape.py       text to lines and cells
survey.py      headers, and the columns under each
schema.py      which column is what (by names: roles.py; by cells: columns.py)
rows.py        lines to rows (lines.py mends them; numbers.py and status_words.py read their cells)
direction.py   which way the metric improves
stats.py       the figures
clean.py       the table as everybody's tools expect it
"""

from engine.core.table.model import BadRow, Role, RowVerdict, Table, TableColumn, TableRow
from engine.core.table.numbers import commit_hash
from engine.core.table.read import read_table
from engine.core.table.stats import TableStats, summarise

__all__ = [
    "BadRow",
    "Role",
    "RowVerdict",
    "Table",
    "TableColumn",
    "TableRow",
    "TableStats",
    "commit_hash",
    "read_table",
    "summarise",
]
