from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.noise import blend_first_noise, slerp


def noise(seed: int, *, rows: int = 2) -> torch.Tensor:
    return torch.randn((rows, 4, 16, 16), generator=torch.Generator().manual_seed(seed))


def test_the_ends_are_the_two_noises() -> None:
    one, other = noise(1), noise(2)

    assert torch.allclose(slerp(one, other, 0.0), one, atol=1e-5)
    assert torch.allclose(slerp(one, other, 1.0), other, atol=1e-5)


@given(part=st.floats(min_value=0, max_value=1), seed=st.integers(1, 1000))
def test_noise_on_the_way_is_as_strong_as_at_its_ends(part: float, seed: int) -> None:
    between = slerp(noise(0), noise(seed), part)

    assert 0.9 < float(between.std()) < 1.1


def test_a_row_does_not_depend_on_the_others() -> None:
    together = slerp(noise(1), noise(2), 0.3)
    alone = slerp(noise(1)[1:], noise(2)[1:], 0.3)

    assert torch.equal(together[1:], alone)


def test_the_same_noise_stays_as_it_is() -> None:
    one = noise(1)

    assert torch.allclose(slerp(one, one.clone(), 0.5), one, atol=1e-5)


class TuplePipeline:
    """Prepares latents with positional arguments and gives two things, as FLUX's does."""

    def prepare_latents(
        self, rows: int, generator: list[torch.Generator]
    ) -> tuple[torch.Tensor, str]:
        latents = [torch.randn((4, 8, 8), generator=one) for one in generator]
        return torch.stack(latents), f"ids of {rows}"


def test_a_pipeline_that_gives_more_than_latents_keeps_the_rest() -> None:
    pipeline = TuplePipeline()
    blend_first_noise(pipeline, others=[torch.Generator().manual_seed(9)], part=1.0)

    latents, ids = pipeline.prepare_latents(1, [torch.Generator().manual_seed(1)])

    expected = torch.randn((4, 8, 8), generator=torch.Generator().manual_seed(9))
    assert torch.allclose(latents[0], expected, atol=1e-5)
    assert ids == "ids of 1"
