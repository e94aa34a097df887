"""A tolerant reader of any results.tsv: `read_table` returns a `Table`, `summarise` its figures.

decode.py         bytes to text
shape.py          text to lines and cells
survey.py         headers, and the columns under each
schema.py         roles of columns (by name: roles.py; by cells: columns.py)
rows.py           lines to rows (lines.py repairs them; numbers.py, status_words.py parse cells)
direction.py      which way the metric improves
stats.py          the figures
session_table.py  a session as a table
clean.py          a table in the usual format; plain_values.py: for JSON
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
