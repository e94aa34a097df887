"""Loss curves of training runs: collecting, comparing, projecting, and stopping a run early."""
