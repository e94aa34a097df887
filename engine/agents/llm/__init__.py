"""The agent `llm`: builds a prompt, calls a language model, and parses its answer."""
