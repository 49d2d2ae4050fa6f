"""Writes on jobs: `jobs` accepts and cancels, `leases` hands work out, `results` ends it.

`queue` is what users do with theirs, `operations` what operators do by hand.
"""
