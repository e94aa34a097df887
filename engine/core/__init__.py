"""Pure rules of the ratchet: no I/O, no clock, no randomness of their own."""
