"""What work cost: usage records, the base of the ledger."""
