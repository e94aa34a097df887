"""The protocol between engine and client: commands, messages, framing, lock and socket."""
