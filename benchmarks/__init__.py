"""Benchmarks of the engine, the command and the screen; `make bench` runs all of them.

Each compares the product with a floor that is measured in the same run, in turn with it, so that
the ratio means the same on a slow or a busy machine.
"""
