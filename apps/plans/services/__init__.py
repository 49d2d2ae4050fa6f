"""Writes on plans: by hand (`subscriptions`, `testers`, `enterprise`), by payments, and notices.

Payments begin in `checkout` and `changes`, are told by `stripe_events`, booked in `payments`.
"""
