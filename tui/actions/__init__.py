"""The registry of actions."""
