"""The screens and the command: a client of the engine, never of git or processes."""
