"""Refuse migrations that lock or drop what the running release uses: `docs/release.md` says why."""
