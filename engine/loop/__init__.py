"""The ratchet: the loop that proposes, runs and judges one experiment after another."""
