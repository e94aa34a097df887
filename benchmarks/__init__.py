"""Benchmarks of the engine, the command and the screen; `make bench` runs all of them.

Each compares the product with a floor, the least that any program doing the same would take. The
floor is measured in turn with it in the same run, so that the ratio means the same on a slow or a
busy machine.
"""
