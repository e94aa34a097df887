"""The screens over the main one: help, experiment detail, questions."""
