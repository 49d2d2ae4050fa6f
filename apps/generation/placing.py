"""On which GPUs a job runs: those of the plan, or larger ones where its model needs them."""

from collections.abc import Mapping

from apps.plans.tiers import GpuTier
from gpu_tasks.engine.placement import Card, smallest_card
from gpu_tasks.providers.facts import PROVIDER_FACTS

CARDS: Mapping[GpuTier, Card] = {
    GpuTier.BASIC: Card.T4,
    GpuTier.HIGH_PERFORMANCE: Card.A10G,
    GpuTier.DEDICATED: Card.A100,
}
_TIERS = {card: tier for tier, card in CARDS.items()}


def tier_for(base: str, *, at_least: GpuTier) -> GpuTier:
    """Return the smallest tier, not below that of a plan, whose card runs a family.

    What others make waits in the smallest tier, whatever the plan: it takes no card.

    Raises:
        ValueError: no card runs it.
    """
    if base in PROVIDER_FACTS:
        return GpuTier.BASIC
    card = smallest_card(base, at_least=CARDS[at_least])
    if card is None:
        raise ValueError(f"no card runs {base}")
    return _TIERS[card]
