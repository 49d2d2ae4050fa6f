"""The shape of production on one machine: see docs/production-like.md."""
