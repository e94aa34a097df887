"""Pure rules of the research loop: no I/O, no clock, no random numbers except passed-in ones."""
