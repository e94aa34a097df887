"""The engine process, its socket server for clients, and its log file."""
