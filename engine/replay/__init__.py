"""Replays a finished or running session, or a results table, at any moment.

source.py       finds the source that the user named: a workspace, a tag, a journal or a table
recording.py    events with random access: the session at any step
from_table.py   converts a table without a journal into events; table_notes.py: what it lacks
commits.py      looks up a table's commits in a repository, and the diffs between them

Diffs and logs are read on demand.
"""
