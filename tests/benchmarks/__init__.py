"""Benchmarks, each a module with `run(quick) -> Report`; see docs/benchmarks.md."""
