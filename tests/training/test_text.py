"""What the text encoder is taught, and how its words reach the denoiser."""

from __future__ import annotations

import torch

from gpu_tasks.training.starter.denoiser import LATENT_SIDE, build_denoiser
from gpu_tasks.training.starter.text import TEXT_WIDTH, label_spec
from gpu_tasks.training.starter.world import SceneSpec, ShapeSpec


def test_a_picture_of_shapes_is_labelled_by_its_properties_and_none_of_the_others() -> None:
    spec = ShapeSpec("star", "blue", "white", 3, "small", "center")
    assert label_spec(spec=spec) == [3, 4, 7, 2, 0, 0, 6, 4, 4, 2, 2, 2]


def test_a_landscape_is_labelled_likewise() -> None:
    spec = SceneSpec("desert", "night", snowy=False, body="full moon", stars=True, cactus=True)
    assert label_spec(spec=spec) == [5, 9, 9, 4, 3, 9, 3, 2, 2, 0, 1, 1]


def test_every_layer_of_the_denoiser_hears_the_caption() -> None:
    denoiser = build_denoiser().eval()
    heard: list[torch.Tensor] = []
    denoiser.down_blocks[0].resnets[0].register_forward_pre_hook(
        lambda _module, inputs: heard.append(inputs[1])
    )
    latents = torch.zeros(2, 4, LATENT_SIDE, LATENT_SIDE)
    captions = torch.randn(2, 5, TEXT_WIDTH, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        denoiser(latents, torch.tensor([500, 500]), captions)
    assert not torch.allclose(heard[0][0], heard[0][1])
