from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.libraries import diffusers, torch
from gpu_tasks.engine.memory import OneRowAtATime
from gpu_tasks.engine.prompts.clip_encoding import ClipEncoder, Encoding
from gpu_tasks.engine.prompts.regions import (
    blend_masks,
    join_region_embeddings,
    regional_attention,
)
from tests.engine.tiny_clip import build_sd, build_unet

HEIGHT, WIDTH = 8, 12
TOKENS, PROMPT_WIDTH = 77, 16


@pytest.fixture(scope="module", params=["sd", "sdxl"])
def unet(request: pytest.FixtureRequest) -> Any:
    return build_unet(
        cross_attention_dim=PROMPT_WIDTH, pooled_dim=20 if request.param == "sdxl" else None
    )


def normal(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def prompt(seed: int, rows: int = 1) -> torch.Tensor:
    return normal(rows, TOKENS, PROMPT_WIDTH, seed=seed)


def run(unet: Any, prompts: torch.Tensor, *, height: int = HEIGHT, width: int = WIDTH) -> Any:
    rows = len(prompts)
    added = {}
    if unet.config.addition_embed_type is not None:
        added = {
            "added_cond_kwargs": {
                "text_embeds": normal(1, 20, seed=98).expand(rows, -1),
                "time_ids": torch.tensor([[64.0, 96, 0, 0, 64, 96]]).expand(rows, -1),
            }
        }
    latents = normal(1, 4, height, width, seed=99).expand(rows, -1, -1, -1)
    with torch.no_grad():
        return unet(latents, 500, encoder_hidden_states=prompts, **added)[0]


def halves() -> torch.Tensor:
    """Two masks: the left half and the right half."""
    masks = torch.zeros(2, HEIGHT, WIDTH)
    masks[0, :, : WIDTH // 2] = 1
    masks[1, :, WIDTH // 2 :] = 1
    return masks


def run_regions(
    unet: Any, main: torch.Tensor, regions: list[torch.Tensor], shares: torch.Tensor
) -> Any:
    with regional_attention([unet], shares):
        return run(unet, join_region_embeddings(main, regions))


def test_a_region_that_covers_everything_is_the_prompt(unet: Any) -> None:
    shares = blend_masks(torch.ones(1, HEIGHT, WIDTH), [1.0])

    found = run_regions(unet, prompt(0), [prompt(1)], shares)

    assert torch.equal(found, run(unet, prompt(1)))
    assert not torch.allclose(found, run(unet, prompt(0)))


def test_regions_that_cover_nothing_leave_the_main_prompt(unet: Any) -> None:
    shares = blend_masks(torch.zeros(2, HEIGHT, WIDTH), [1.0, 0.5])

    found = run_regions(unet, prompt(0), [prompt(1), prompt(2)], shares)

    assert torch.equal(found, run(unet, prompt(0)))


def test_two_halves_that_say_the_same_are_one(unet: Any) -> None:
    shares = blend_masks(halves(), [0.3, 0.7])

    found = run_regions(unet, prompt(1), [prompt(1), prompt(1)], shares)

    torch.testing.assert_close(found, run(unet, prompt(1)))


@pytest.mark.parametrize("layer", ["down_blocks.0", "mid_block"])
def test_a_region_reaches_its_half_of_a_layer_and_nothing_else(unet: Any, layer: str) -> None:
    (attention,) = [
        module
        for name, module in unet.named_modules()
        if name.startswith(layer) and name.endswith("attn2")
    ]
    level_width = WIDTH if layer == "down_blocks.0" else WIDTH // 2
    hidden = normal(
        1,
        HEIGHT * WIDTH * level_width // WIDTH * level_width // WIDTH,
        attention.to_q.in_features,
        seed=5,
    )
    shares = blend_masks(halves(), [1.0, 1.0])

    def attend(first: torch.Tensor) -> torch.Tensor:
        joined = join_region_embeddings(prompt(0), [first, prompt(2)])
        with torch.no_grad(), regional_attention([unet], shares):
            told: torch.Tensor = attention(hidden, encoder_hidden_states=joined)
        return told.reshape(-1, level_width, told.shape[-1])

    change = (attend(prompt(1)) - attend(prompt(3))).abs()

    left, right = change[:, : level_width // 2], change[:, level_width // 2 :]
    assert left.amax(dim=-1).min() > 1e-4
    assert float(right.max()) == 0.0


def test_a_region_moves_its_half_of_the_picture_most(unet: Any) -> None:
    shares = blend_masks(halves(), [1.0, 1.0])

    def noise(first: torch.Tensor) -> torch.Tensor:
        predicted: torch.Tensor = run_regions(unet, prompt(0), [first, prompt(2)], shares)
        return predicted

    change = (noise(prompt(1)) - noise(prompt(3))).abs().mean(dim=(0, 1, 2))

    assert change[: WIDTH // 2].mean() > 1.5 * change[WIDTH // 2 :].mean()


@pytest.mark.parametrize(("height", "width"), [(8, 12), (12, 8), (7, 9), (5, 16), (2, 3)])
def test_masks_follow_layers_of_pictures_that_are_not_square(
    unet: Any, height: int, width: int
) -> None:
    mask = torch.zeros(1, height, width)
    mask[:, : height // 2] = 1
    shares = blend_masks(mask, [1.0])
    with regional_attention([unet], shares):
        found = run(
            unet, join_region_embeddings(prompt(0), [prompt(1)]), height=height, width=width
        )

    assert found.shape == (1, 4, height, width)
    assert not torch.allclose(found, run(unet, prompt(0), height=height, width=width))


def test_rows_of_negative_prompts_keep_theirs(unet: Any) -> None:
    shares = blend_masks(halves(), [1.0, 1.0])
    negative, main = prompt(7, rows=2), prompt(0, rows=2)
    joined = torch.cat(
        [
            join_region_embeddings(negative, [negative, negative]),
            join_region_embeddings(main, [prompt(1), prompt(2)]),
        ]
    )

    with regional_attention([unet], shares):
        found = run(unet, joined)

    torch.testing.assert_close(found[:2], run(unet, negative))
    alone = run_regions(unet, main[1:], [prompt(1), prompt(2)], shares)
    torch.testing.assert_close(found[3:], alone)


def test_rows_may_be_run_one_after_another() -> None:
    unet = build_unet(cross_attention_dim=PROMPT_WIDTH)
    shares = blend_masks(halves(), [1.0, 1.0])
    negative = prompt(7)
    joined = torch.cat(
        [
            join_region_embeddings(negative, [negative] * 2),
            join_region_embeddings(prompt(0), [prompt(1), prompt(2)]),
        ]
    )

    with regional_attention([unet], shares):
        together = run(unet, joined)
        apart = run(OneRowAtATime(unet), joined)

    torch.testing.assert_close(apart, together)


def test_processors_are_put_back(unet: Any) -> None:
    before = dict(unet.attn_processors)
    outcome = run(unet, prompt(0))
    shares = blend_masks(halves(), [1.0, 1.0])

    with regional_attention([unet], shares):
        inside = dict(unet.attn_processors)

    after = dict(unet.attn_processors)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    changed = {name for name in before if inside[name] is not before[name]}
    assert changed == {name for name in before if "attn2" in name}
    assert torch.equal(run(unet, prompt(0)), outcome)


def test_an_error_puts_processors_back(unet: Any) -> None:
    before = dict(unet.attn_processors)
    shares = blend_masks(halves(), [1.0, 1.0])

    with pytest.raises(ValueError, match="cannot be those"), regional_attention([unet], shares):
        run(unet, prompt(0))

    assert all(found is before[name] for name, found in unet.attn_processors.items())


def test_a_pipeline_draws_with_regions_and_long_prompts(tmp_path: Path) -> None:
    pipeline = build_sd(tmp_path)
    pipeline.set_progress_bar_config(disable=True)
    encoder = ClipEncoder.for_stable_diffusion(pipeline.tokenizer, pipeline.text_encoder)
    how = Encoding(device=torch.device("cpu"))
    positive, negative = encoder.encode_for_guidance(["all", "a" * 90, "(b:1.2)"], ["no"], how)
    main, first, second = positive.prompt_embeds.chunk(3)
    shares = blend_masks(halves(), [1.0, 0.8])

    with regional_attention([pipeline.unet], shares):
        pictures = pipeline(
            prompt_embeds=join_region_embeddings(main, [first, second]),
            negative_prompt_embeds=join_region_embeddings(
                negative.prompt_embeds, [negative.prompt_embeds] * 2
            ),
            num_images_per_prompt=2,
            height=8 * HEIGHT,
            width=8 * WIDTH,
            num_inference_steps=2,
            generator=[torch.Generator().manual_seed(1) for _ in range(2)],
            output_type="pt",
        ).images

    assert pictures.shape == (2, 3, 8 * HEIGHT, 8 * WIDTH)
    torch.testing.assert_close(pictures[0], pictures[1])


@pytest.mark.parametrize("with_masks", [False, True])
def test_an_ip_adapter_goes_on_working(with_masks: bool) -> None:
    unet = build_unet(cross_attention_dim=PROMPT_WIDTH)
    attention = unet.mid_block.attentions[0].transformer_blocks[0].attn2
    torch.manual_seed(0)
    adapter = diffusers.models.attention_processor.IPAdapterAttnProcessor2_0(
        attention.to_q.in_features, PROMPT_WIDTH, num_tokens=(4,), scale=1.0
    )
    attention.set_processor(adapter)
    hidden = normal(1, HEIGHT * WIDTH // 4, attention.to_q.in_features, seed=5)
    mask = torch.zeros(1, 1, HEIGHT, WIDTH)
    mask[..., : WIDTH // 2] = 1
    named = {"ip_adapter_masks": [mask]} if with_masks else {}

    def attend(text: torch.Tensor, picture_seed: int) -> torch.Tensor:
        picture = normal(1, 1, 4, PROMPT_WIDTH, seed=picture_seed)
        with torch.no_grad():
            told: torch.Tensor = attention(hidden, encoder_hidden_states=(text, [picture]), **named)
        return told

    joined = join_region_embeddings(prompt(0), [prompt(1)])
    with regional_attention([unet], blend_masks(torch.ones(1, HEIGHT, WIDTH), [1.0])):
        found = attend(joined, 3)

    assert torch.equal(found, attend(prompt(1), 3))
    assert not torch.allclose(found, attend(prompt(1), 4))
    assert attention.processor is adapter
    assert dict(attention.named_modules())["processor"] is adapter


def test_overlapping_regions_share_a_place() -> None:
    masks = torch.ones(2, 1, 3)
    masks[1, 0] = torch.tensor([1.0, 0.5, 0.0])

    shares = blend_masks(masks, [0.6, 1.0])

    expected = [[0.0, 0.0, 0.4], [0.6 / 1.6, 0.6 / 1.1, 0.6], [1 / 1.6, 0.5 / 1.1, 0.0]]
    torch.testing.assert_close(shares[:, 0], torch.tensor(expected))
    torch.testing.assert_close(shares.sum(dim=0), torch.ones(1, 3))


@pytest.mark.parametrize(
    ("masks", "weights"),
    [
        (torch.ones(2, 4, 4), [1.0]),
        (torch.ones(0, 4, 4), []),
        (torch.ones(4, 4), [1.0] * 4),
        (torch.ones(1, 4, 4), [0.0]),
        (torch.ones(1, 4, 4), [1.1]),
        (torch.ones(1, 4, 4), [float("nan")]),
        (torch.full((1, 4, 4), 1.1), [1.0]),
        (torch.full((1, 4, 4), -0.1), [1.0]),
        (torch.full((1, 4, 4), torch.nan), [1.0]),
    ],
)
def test_masks_that_make_no_sense_are_refused(masks: torch.Tensor, weights: list[float]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        blend_masks(masks, weights)

    assert list(caught.value.fields) == ["regions"]


def test_prompts_of_different_length_are_not_joined() -> None:
    with pytest.raises(ValueError, match="beside"):
        join_region_embeddings(prompt(0), [prompt(1)[:, :50]])
