"""Jobs: accepted, woken, claimed under a lease, run by a worker, finished once."""
