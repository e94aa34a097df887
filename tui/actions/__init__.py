"""Defines the actions of every screen: their keys, titles, help and conditions."""
