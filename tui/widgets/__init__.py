"""Contains the widgets that screens are built of; each shows a part of a `View`, one per file."""
