"""Writes on credits: `ledger` for jobs, `grants`, `costs` for quotes, `usage` for records."""
