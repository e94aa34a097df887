"""Starts, finds and ends training runs, each under a small supervising process."""
