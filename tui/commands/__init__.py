"""The verbs of the command line, such as `start` and `results`, a module per group of verbs."""
