"""What happens to credits, for the apps above to react to."""

from django.dispatch import Signal

# After the commit that moved credits of `user_id`.
balance_changed = Signal()
