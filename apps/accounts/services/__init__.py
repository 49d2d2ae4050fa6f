"""Writes on accounts: `users` and their administrators, `keys` for programs."""
