"""Reports for staff: revenue, and how fair quotes are."""
