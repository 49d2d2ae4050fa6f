"""Pages of the admin: what needs attention, a user, a job, the fleet, revenue, and quotes."""
