"""Writes on jobs: `jobs` accepts and cancels, `leases` hands work out, `results` ends it."""
