"""What happens to pictures, for the apps above to react to."""

from django.dispatch import Signal

# After the commit that changed how far `archive` is.
archive_changed = Signal()
