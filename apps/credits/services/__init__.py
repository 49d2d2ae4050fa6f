"""Writes on credits: `ledger` for jobs, `grants`, `costs` for quotes, `usage` for records.

`audit` proves the books, `notices` has users told whose credits run out.
"""
