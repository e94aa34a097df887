"""Files of a session on the disk: journal, git workspace, results.tsv, run logs and others."""
