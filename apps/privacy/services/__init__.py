"""Writes on requests about one's own data."""
