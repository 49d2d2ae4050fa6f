"""What happens to accounts, for the apps above to react to."""

from django.dispatch import Signal

# Sent with `user` once in the life of an account, in the transaction that makes it usable: its
# address was confirmed, or the provider vouched for it.
account_opened = Signal()
# Sent with `user_id` and the `email` it had when an account is deleted, in the transaction that
# closes it, which is in a service scope.
account_closed = Signal()
