"""The Textual screens and cards of a live session, with their footer, search and text areas."""
