"""The replay of a session, ended or still running, at any of its moments."""
