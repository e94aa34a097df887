"""The language-model agent: prompt, model, parser."""
