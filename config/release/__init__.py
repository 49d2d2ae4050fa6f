"""Bring a new version to AWS without an interruption, and back: `docs/release.md`."""
