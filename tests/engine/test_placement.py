from __future__ import annotations

import pytest

from gpu_tasks.engine.family_facts import FAMILY_FACTS
from gpu_tasks.engine.placement import FITS, Card, placement_on, smallest_card


def test_every_family_has_a_row_with_every_card_and_a_reason() -> None:
    assert set(FITS) == set(FAMILY_FACTS)
    for fits in FITS.values():
        assert list(fits) == list(Card)
        assert all(fit.why for fit in fits.values())


def test_whatever_runs_on_a_card_runs_on_a_larger_one_too() -> None:
    for fits in FITS.values():
        runs = [fit.placement is not None for fit in fits.values()]
        assert runs == sorted(runs)
        assert runs[-1]


def test_nothing_on_a_t4_asks_for_bfloat16() -> None:
    placements = [fits[Card.T4].placement for fits in FITS.values()]

    assert {one.precision for one in placements if one is not None} == {"float16"}


@pytest.mark.parametrize(
    ("base", "at_least", "card"),
    [
        ("sd-1.5-class", Card.T4, Card.T4),
        ("sdxl", Card.A10G, Card.A10G),
        ("flux-1", Card.T4, Card.A10G),
        ("flux-1", Card.A100, Card.A100),
        ("qwen-image", Card.T4, Card.A100),
        ("flux-2", Card.A10G, Card.A100),
    ],
)
def test_a_job_moves_up_to_the_smallest_card_that_runs_it(
    base: str, at_least: Card, card: Card
) -> None:
    assert smallest_card(base, at_least=at_least) is card
    assert placement_on(base, card) is not None


def test_flux_on_an_a10g_is_quantised_with_its_encoders_aside() -> None:
    placement = placement_on("flux-1", Card.A10G)

    assert placement is not None
    assert (placement.precision, placement.float8, placement.encoders_aside) == (
        "bfloat16",
        True,
        True,
    )
    assert placement_on("flux-1", Card.T4) is None
