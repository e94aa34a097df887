"""The ratchet: the loop and the steps of one experiment."""
