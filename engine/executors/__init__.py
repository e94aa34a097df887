"""Where runs happen, and the small process that supervises each run."""
