"""What a user may do: the plan table, GPU tiers and who is on which plan."""
