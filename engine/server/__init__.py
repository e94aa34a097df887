"""The engine process: daemon and socket server."""
