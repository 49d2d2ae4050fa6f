"""Tests of plans: what each includes, and what is refused."""
