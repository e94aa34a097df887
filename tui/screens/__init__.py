"""The screens and cards of a live session, their footer, search prompt and text areas."""
