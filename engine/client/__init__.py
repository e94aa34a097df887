"""How screens and verbs reach a session."""
