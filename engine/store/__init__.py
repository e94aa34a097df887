"""Durable state: journal, git workspace, results.tsv, run logs and other files of a session."""
