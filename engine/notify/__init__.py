"""Notifications to a user elsewhere."""
