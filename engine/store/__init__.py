"""What lasts: journal, git workspace, results.tsv, run.log, artifacts."""
