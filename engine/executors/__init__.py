"""Execution of runs: starting them, and the process that supervises each."""
