"""The terminal interface and the command line, as clients of the engine."""
