"""Creates, applies and compares patches of the editable file, and edits its knobs."""
