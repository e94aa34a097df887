"""The widgets, one in each file; each shows a part of the view and keeps no session state."""
