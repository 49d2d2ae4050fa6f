"""The rules of the ledger once more, on plain values, for the product to be compared with."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

GRACE = timedelta(hours=24)
MOST_GRACE = timedelta(days=7)
GIFT = timedelta(days=60)

Outcome = tuple[str | int, ...]


@dataclass
class ModelGrant:
    """A grant and where its credits are."""

    source: str
    total: int
    usable_from: datetime
    usable_until: datetime
    valid_until: datetime
    available: int
    held: int = 0
    spent: int = 0
    closed: int = 0
    revoked: int = 0
    is_ended: bool = False

    @property
    def heaps(self) -> tuple[int, int, int, int]:
        return self.available, self.held, self.spent, self.closed

    def is_usable(self, now: datetime) -> bool:
        return self.available > 0 and self.usable_from <= now < self.usable_until


@dataclass
class ModelHold:
    """What was held of each grant, by its key, and how it ended."""

    parts: dict[str, int]
    spent: dict[str, int] = field(default_factory=dict)
    resolved: tuple[int, int] | None = None
    refund_entries: int = 0


@dataclass
class ModelAccount:
    """The grants and holds of one user."""

    grants: dict[str, ModelGrant] = field(default_factory=dict)
    holds: dict[uuid.UUID, ModelHold] = field(default_factory=dict)


class Model:
    """Every act answers as the product should: with what comes of it."""

    def __init__(self, accounts: int) -> None:
        self.now = datetime.fromisoformat("2026-06-01T00:00:00+00:00")
        self.accounts = [ModelAccount() for _ in range(accounts)]
        # PostgreSQL chose them; they decide between grants that end together.
        self.ids: dict[tuple[int, str], uuid.UUID] = {}

    def _earliest_first(self, user: int, keys: list[str]) -> list[str]:
        grants = self.accounts[user].grants
        return sorted(keys, key=lambda key: (grants[key].usable_until, self.ids[user, key]))

    def give(
        self, user: int, key: str, source: str, amount: int, start: datetime, end: datetime
    ) -> Outcome:
        account = self.accounts[user]
        if key not in account.grants:
            account.grants[key] = ModelGrant(source, amount, start, end, end, available=amount)
        return "given", account.grants[key].total

    def hold(self, user: int, job: uuid.UUID, amount: int) -> Outcome:
        account = self.accounts[user]
        usable = [key for key, grant in account.grants.items() if grant.is_usable(self.now)]
        available = sum(account.grants[key].available for key in usable)
        if available < amount:
            return "too few", available
        if job in account.holds:
            return ("held before",)
        hold = account.holds[job] = ModelHold({})
        for key in self._earliest_first(user, usable):
            part = min(account.grants[key].available, amount)
            amount -= part
            if part:
                account.grants[key].available -= part
                account.grants[key].held += part
                hold.parts[key] = part
        return ("held",)

    def resolve(self, user: int, job: uuid.UUID, charge: int) -> Outcome:
        """Settle, or release by a charge of nothing."""
        account = self.accounts[user]
        hold = account.holds.get(job)
        if hold is None:
            return "resolved", 0, 0
        if hold.resolved is None:
            amount = sum(hold.parts.values())
            charge = min(charge, amount)
            hold.resolved = (charge, amount - charge)
            for key in self._earliest_first(user, list(hold.parts)):
                spent = min(hold.parts[key], charge)
                charge -= spent
                hold.spent[key] = spent
                self._come_back(account.grants[key], held=hold.parts[key], spent=spent)
        return "resolved", *hold.resolved

    def _come_back(self, grant: ModelGrant, *, held: int, spent: int) -> None:
        grant.held -= held
        grant.spent += spent
        grant.available += held - spent
        if held > spent and grant.valid_until <= self.now and not grant.is_ended:
            late = min(self.now + GRACE, grant.valid_until + MOST_GRACE)
            grant.usable_until = max(grant.usable_until, late)

    def withdraw(self, user: int, key: str, in_all: int | None) -> Outcome:
        grant = self.accounts[user].grants.get(key)
        if grant is None:
            return "withdrawn", 0
        taken = grant.available
        if in_all is not None:
            taken = min(taken, max(0, in_all - grant.revoked))
        elif grant.held and not grant.is_ended:
            grant.is_ended = True
            grant.usable_until = min(grant.usable_until, self.now)
        grant.available -= taken
        grant.closed += taken
        grant.revoked += taken
        return "withdrawn", taken

    def refund(self, user: int, job: uuid.UUID, amount: int) -> Outcome:
        account = self.accounts[user]
        hold = account.holds.get(job)
        if hold is None:
            return ("nothing held",)
        if sum(hold.spent.values()) < amount:
            return ("too much",)
        key = f"refund:{job}:{hold.refund_entries}"
        left = amount
        for grant_key in sorted(hold.spent, key=lambda each: self.ids[user, each]):
            part = min(hold.spent[grant_key], left)
            left -= part
            if part:
                hold.spent[grant_key] -= part
                hold.refund_entries += 1
                account.grants[grant_key].spent -= part
                account.grants[grant_key].closed += part
        self.give(user, key, "refund", amount, self.now, self.now + GIFT)
        return "refunded", amount

    def expire(self) -> Outcome:
        for account in self.accounts:
            for grant in account.grants.values():
                if grant.usable_until <= self.now:
                    grant.closed += grant.available
                    grant.available = 0
        return ("expired",)
