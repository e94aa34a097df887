"""Starts git for everything else, without running what a repository configures.

start.py       starts processes: the only module that starts git
repository.py  finds a repository, and copies its harmless settings
commands.py    runs commands in a repository with the copied settings
"""
