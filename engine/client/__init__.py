"""The client side: how screens and verbs reach a session, with or without an engine."""
