"""The verbs of the command line, a file per group of them."""
