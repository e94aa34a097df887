"""The protocol between engine and clients: commands, messages, framing, lock file and socket."""
