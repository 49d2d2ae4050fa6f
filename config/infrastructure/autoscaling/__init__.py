"""Autoscaling on paper: a day of a tier's fleet, simulated; see docs/autoscaling.md."""
