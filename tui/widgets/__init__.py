"""One widget a file; each paints a part of the view and keeps no state of the session."""
