"""The engine process: daemon, socket server, log."""
