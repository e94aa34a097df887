"""The screen of a session of the past, or of one that still runs, at any of its moments."""
