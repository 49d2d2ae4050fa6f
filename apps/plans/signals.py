"""What happens to plans and payments, for the apps above to react to."""

from django.dispatch import Signal

# All are sent in the transaction of the fact, with the `user_id` concerned.
#
# Credits are due: `source` (CreditSource), `amount`, `valid_from`, `valid_until`, `key` (the same
# fact has the same key, however often it is told), `paid_cents`, `plan` (slug or ""), `reason`,
# `granted_by` (id of an administrator or None).
credits_due = Signal()
# What is left of earlier credits is to be taken back: `key` of the grant, `reason`, `actor_id`
# (or None), `at_most` (credits, or None for all that is unused), and perhaps `in_all` (credits
# that are taken by all signals of that key together). Whoever answers says how many were taken.
credits_withdrawn = Signal()
# A payment for a running plan, of `user_id`, has failed; it is tried again at `retry_at`, or
# never (None). Sent once until the plan is paid again.
payment_failed = Signal()
# A new user, `user_id`, has begun a trial.
trial_started = Signal()
