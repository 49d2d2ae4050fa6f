"""Writes on plans: `subscriptions` by hand and trials, `testers` for grants by administrators."""
