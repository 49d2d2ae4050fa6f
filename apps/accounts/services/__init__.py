"""Writes on accounts."""
