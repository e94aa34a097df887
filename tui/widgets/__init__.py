"""Contains the widgets, one in each file; each shows a part of the view, without session state."""
