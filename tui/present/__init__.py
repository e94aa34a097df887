"""The session in words: pure functions, shared by the screens and the command line."""
