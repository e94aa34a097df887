"""Patches of the editable file: make, apply, refit and compare them; knobs."""
