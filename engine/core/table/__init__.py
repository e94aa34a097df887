"""Reads any results.tsv: `read_table` returns a `Table`, `summarise` its counts, best and trend.

decode.py         decodes bytes to text
json_records.py   reads JSON and JSON Lines as lines of a table
shape.py          splits text into lines and cells
survey.py         locates the headers, and chooses one metric for all blocks of rows
schema.py         decides the roles of one block's columns
                  (roles.py proposes from names; columns.py checks by cells)
metric_choice.py  chooses the metric's column by its name or by the verdicts
rows.py           turns lines into rows (lines.py repairs them; numbers.py, status_words.py parse)
direction.py      infers whether lower or higher is better, if anything tells
stats.py          computes counts, best, keeps and trend
session_table.py  converts a session to a table
clean.py          formats a table as TSV or CSV; plain_values.py: for JSON
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
