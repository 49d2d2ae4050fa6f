"""What a user may do: the plan table, GPU tiers, who is on which plan, and how it is paid."""
