"""Access to a session for screens and verbs: through the engine or through files."""
