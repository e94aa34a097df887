"""Samples of this machine's GPUs, processor, memory and disk, and of a run's processes."""
