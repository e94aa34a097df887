"""A session that is over, or still goes on, at any moment of its life.

recording.py     events with random access: the session at any step
journal_tail.py  a journal into events, whatever became of it, and what is appended to it
commits.py       which commits of a table a repository still has; diffs between them
from_table.py    a bare results.tsv into the events that would have written it
source.py        what a person meant: a workspace, a tag, a journal, a table

Diffs and logs are read when they are looked at, never before.
"""
