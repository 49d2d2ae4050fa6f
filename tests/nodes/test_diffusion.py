"""Graphs that do what a plain generation does, to the byte; and what cannot be is refused."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from gpu_tasks.engine import Engine
from gpu_tasks.engine.guides import AddOn
from gpu_tasks.nodes.checking import check_graph
from gpu_tasks.nodes.graph import read_document
from gpu_tasks.nodes.pixels.masks import draw_shape
from gpu_tasks.nodes.problems import InvalidGraph
from gpu_tasks.nodes.values import LINKED_PICTURE
from tests.engine import tiny_add_ons
from tests.nodes.graphs import OWN_PICTURE, document
from tests.nodes.starter import (
    STARTER,
    StarterCatalog,
    checked,
    gallery_picture,
    run,
    starter_request,
)

PROMPT = {"prompt": "a red circle on a white background", "negative_prompt": "blue"}
SMALL = {"width": 128, "height": 128}
BASE = {
    "model": ("model", {"key": "starter"}),
    "prompt": ("prompt", {"text": PROMPT["prompt"], "negative": PROMPT["negative_prompt"]}),
    "gallery": ("load_picture", {"name": OWN_PICTURE}),
}
TOLD = {"model": ("model", "model"), "prompt": ("prompt", "prompt"), "seed": 7}
SAVE = {"save": ("save", {"picture": ("made", "picture")})}
# The picture of the gallery has sides of 150 × 130; the model works in steps of 8.
FITTED = {"width": 144, "height": 128}


def graph(**nodes: Any) -> dict[str, Any]:
    return {**BASE, **nodes, **SAVE}


def in_two(**inputs: Any) -> dict[str, Any]:
    denoise = {**TOLD, **SMALL, **inputs}
    decode = {"latents": ("latent", "latents"), "model": inputs.get("model", TOLD["model"])}
    return graph(latent=("denoise", denoise), made=("decode", decode))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, AddOn]:
    path = tmp_path_factory.mktemp("weights")
    lora = tiny_add_ons.build_lora(STARTER.path, path / "lora.safetensors", seed=1)
    vae = tiny_add_ons.build_vae(STARTER.path, path / "vae", seed=1)
    return {"lora": AddOn(key="lora", path=lora), "vae": AddOn(key="vae", path=vae)}


def plainly(engine: Engine, weights: dict[str, AddOn], **settings: Any) -> list[bytes]:
    """Make pictures as a job of the kind "generation" does."""
    named = {"init_image", "mask.image", "controls.0.image"}
    pictures = {name: gallery_picture() for name in named}
    pictures["mask.image"] = mask_picture()
    request = starter_request({**PROMPT, **SMALL, "seed": 7, **settings}, pictures, weights)
    return [one.tobytes() for one in engine.generate(request, source=STARTER).images]


def mask_picture() -> Image.Image:
    return draw_shape((150, 130), shape="rectangle", box=(0.25, 0.25, 0.75, 0.75))


FROM_PICTURE = {"init_image": LINKED_PICTURE, "strength": 0.7}
PICTURE = ("gallery", "picture")


@pytest.mark.parametrize(
    ("nodes", "settings"),
    [
        pytest.param(graph(made=("generate", {**TOLD, **SMALL})), {}, id="generate"),
        pytest.param(
            graph(
                made=(
                    "generate",
                    {**TOLD, **SMALL, "steps": 3, "guidance_scale": 4.0, "scheduler": "euler_a"},
                )
            ),
            {"steps": 3, "guidance_scale": 4.0, "scheduler": "euler_a"},
            id="generate_chosen",
        ),
        pytest.param(in_two(), {}, id="denoise"),
        pytest.param(in_two(num_images=3), {"num_images": 3}, id="denoise_batch"),
        pytest.param(in_two(picture=PICTURE), FROM_PICTURE, id="denoise_from_picture"),
        pytest.param(
            graph(made=("generate", {**TOLD, **SMALL, "picture": PICTURE})),
            FROM_PICTURE,
            id="generate_from_picture",
        ),
        pytest.param(
            {
                **in_two(control=("control", "control")),
                "control": ("control", {"picture": PICTURE, "key": "starter-edges"}),
            },
            {
                "controls": [
                    {
                        "model": "starter-edges",
                        "image": LINKED_PICTURE,
                        "preprocessor": "none",
                    }
                ]
            },
            id="control",
        ),
        pytest.param(
            {
                **in_two(model=("seamless", "model")),
                "lora": ("lora", {"model": ("model", "model"), "key": "lora", "weight": 0.7}),
                "vae": ("vae", {"model": ("lora", "model"), "key": "vae"}),
                "seamless": ("seamless", {"model": ("vae", "model")}),
            },
            {
                "loras": [{"model": "lora", "weight": 0.7}],
                "vae": "vae",
                "seamless": ["x", "y"],
            },
            id="lora_vae_seamless",
        ),
        pytest.param(
            graph(made=("vary", {**TOLD, **SMALL, "other_seed": 9, "part": 0.4})),
            {"variation": {"seed": 9, "strength": 0.4}},
            id="vary",
        ),
        pytest.param(
            graph(
                made=(
                    "outpaint",
                    {**TOLD, "picture": PICTURE, "left": 30, "bottom": 20, "feather": 4},
                )
            ),
            {
                "width": 176,
                "height": 144,
                "init_image": LINKED_PICTURE,
                "strength": 1.0,
                "outpaint": {"left": 30, "bottom": 20, "feather": 4},
            },
            id="outpaint",
        ),
        pytest.param(
            graph(
                made=(
                    "upscale_refine",
                    {**TOLD, "picture": PICTURE, "scale": 1.5, "strength": 0.5, "tile": 128},
                )
            ),
            {
                "width": 224,
                "height": 192,
                "init_image": LINKED_PICTURE,
                "upscale": {"strength": 0.5, "tile": 128},
            },
            id="upscale_refine",
        ),
    ],
)
def test_a_graph_makes_the_very_pixels_of_a_plain_generation(
    engine: Engine, weights: dict[str, AddOn], nodes: dict[str, Any], settings: dict[str, Any]
) -> None:
    ran = run(engine, nodes, weights=weights)

    assert ran.pixels == plainly(engine, weights, **settings)
    assert ran.result.compute_seconds > 0


@pytest.mark.parametrize("only_masked", [False, True])
def test_inpainting_by_nodes_is_inpainting(
    engine: Engine, weights: dict[str, AddOn], only_masked: bool
) -> None:
    part = {"feather": 4, "only_masked": only_masked, "padding": 8}
    size = {"width": 64, "height": 64} if only_masked else FITTED
    nodes = graph(
        mask=("mask_shape", {"width": 150, "height": 130}),
        made=(
            "inpaint",
            {
                **TOLD,
                "picture": PICTURE,
                "mask": ("mask", "mask"),
                "strength": 0.9,
                "part_size": 64,
                **part,
            },
        ),
    )

    ran = run(engine, nodes)

    assert ran.pixels == plainly(
        engine,
        weights,
        **size,
        init_image=LINKED_PICTURE,
        strength=0.9,
        mask={"image": LINKED_PICTURE, **part},
    )
    expected = (150, 130) if only_masked else (144, 128)
    assert ran.result.pictures[0].size == expected
    outline = checked(nodes).nodes["made"].outputs["picture"]
    assert outline.size == expected


def test_a_picture_by_way_of_its_latents_is_the_picture_itself(
    engine: Engine, weights: dict[str, AddOn]
) -> None:
    """Encoded, it starts a generation as it does by itself, at the size the model works in."""
    nodes = in_two(latents=("encoded", "latents"), strength=0.5, steps=6)
    nodes["encoded"] = ("encode", {"picture": PICTURE, "model": ("model", "model")})

    ran = run(engine, nodes)

    expected = plainly(engine, weights, **FITTED, steps=6, init_image=LINKED_PICTURE, strength=0.5)
    assert ran.pixels == expected


def test_without_a_size_pictures_have_that_of_the_model(engine: Engine) -> None:
    nodes = graph(made=("generate", {**TOLD, "height": 64, "steps": 1}))

    assert run(engine, nodes).result.pictures[0].size == (128, 64)
    # Of a model that only its family is known of.
    flux = {"flux": ("model", {"key": "a-flux"})}
    found = checked(
        graph(made=("generate", {**TOLD, "model": ("flux", "model")})) | flux,
        StarterCatalog(bases={"a-flux": "flux-1"}),
    )
    assert found.nodes["made"].outputs["picture"].size == (1024, 1024)


def test_latents_are_scaled_and_denoised_again(engine: Engine) -> None:
    nodes = in_two(latents=("scaled", "latents"), strength=0.5, num_images=2)
    nodes |= {
        "first": ("denoise", {**TOLD, **SMALL, "num_images": 2}),
        "scaled": (
            "upscale_latents",
            {"latents": ("first", "latents"), "width": 192, "height": 160},
        ),
    }

    ran = run(engine, nodes)

    assert [one.size for one in ran.result.pictures] == [(192, 160)] * 2
    outline = checked(nodes).nodes["latent"].outputs["latents"]
    assert (outline.count, outline.size, outline.base) == (2, (192, 160), "sd-1.5-class")


def test_a_blend_lies_between_its_ends(engine: Engine) -> None:
    def blended(part: float) -> list[bytes]:
        blend = {"latents": ("one", "latents"), "other": ("two", "latents"), "part": part}
        decode = {"latents": ("blend", "latents"), "model": ("model", "model")}
        nodes = graph(
            one=("denoise", {**TOLD, **SMALL, "seed": 1}),
            two=("denoise", {**TOLD, **SMALL, "seed": 2}),
            blend=("blend_latents", blend),
            made=("decode", decode),
        )
        return run(engine, nodes).pixels

    ends = [run(engine, in_two(seed=seed)).pixels for seed in (1, 2)]
    assert [blended(0.0), blended(1.0)] == ends
    assert blended(0.5) not in ends


def test_examples_and_references_are_asked_for_as_the_api_does() -> None:
    catalog = StarterCatalog()
    nodes = graph(
        batch=("repeat_batch", {"picture": PICTURE, "times": 2}),
        made=("edit", {**TOLD, **SMALL, "picture": ("batch", "picture"), "num_images": 2}),
    )

    check_graph(read_document(document(nodes)), catalog)

    assert catalog.asked == [
        {
            "model": "starter",
            **PROMPT,
            **SMALL,
            "seed": 7,
            "num_images": 2,
            "references": [LINKED_PICTURE] * 2,
        }
    ]


def test_the_cost_is_that_of_the_equal_generation() -> None:
    catalog = StarterCatalog()
    nodes = in_two(latents=("encoded", "latents"), strength=0.5, steps=6, scheduler="lcm")
    nodes["encoded"] = ("encode", {"picture": PICTURE, "model": ("model", "model")})

    found = check_graph(read_document(document(nodes)), catalog)

    assert found.nodes["latent"].cost.generation == {
        "model": "starter",
        **PROMPT,
        **FITTED,
        "steps": 6,
        "scheduler": "lcm",
        "seed": 7,
        "num_images": 1,
        "init_image": LINKED_PICTURE,
        "strength": 0.5,
    }
    # Those that change pictures to latents and back ask for the plainest one of their model.
    plainest = {"model": "starter", "prompt": "x"}
    assert catalog.asked == [plainest, found.nodes["latent"].cost.generation, plainest]
    assert found.nodes["made"].cost.generation is None
    assert found.nodes["made"].cost.seconds > 0


def found_wrong(nodes: dict[str, Any], **bases: str) -> list[tuple[str | None, str | None, str]]:
    with pytest.raises(InvalidGraph) as caught:
        checked(
            nodes, StarterCatalog(bases={name.replace("_", "-"): b for name, b in bases.items()})
        )
    return [(one.node, one.input, one.reason) for one in caught.value.problems]


TWO = {"batch": ("repeat_batch", {"picture": PICTURE, "times": 2})}
FLUX = {"flux": ("model", {"key": "a-flux"})}
TWO_LATENTS = {"start": ("denoise", {**TOLD, **SMALL, "num_images": 2})}


@pytest.mark.parametrize(
    ("nodes", "wrong"),
    [
        pytest.param(
            {**graph(made=("generate", {**TOLD, "picture": ("batch", "picture")})), **TWO},
            ("made", "picture", "one_picture"),
            id="generate_from_two",
        ),
        pytest.param(
            {**in_two(picture=PICTURE, latents=("start", "latents"), num_images=2), **TWO_LATENTS},
            ("latent", "latents", "two_starts"),
            id="two_starts",
        ),
        pytest.param(
            {**in_two(latents=("start", "latents"), num_images=3), **TWO_LATENTS},
            ("latent", "num_images", "counts_differ"),
            id="counts",
        ),
        pytest.param(
            {
                **graph(
                    made=("decode", {"latents": ("start", "latents"), "model": ("flux", "model")})
                ),
                **TWO_LATENTS,
                **FLUX,
            },
            ("made", "latents", "other_latents"),
            id="decode_other_latents",
        ),
        pytest.param(
            {
                **in_two(model=("flux", "model"), latents=("start", "latents"), num_images=2),
                **TWO_LATENTS,
                **FLUX,
            },
            ("latent", "latents", "other_latents"),
            id="denoise_other_latents",
        ),
        pytest.param(
            {
                **in_two(model=("flux", "model"), latents=("start", "latents")),
                **FLUX,
                "flux2": ("model", {"key": "a-flux"}),
                "start": ("denoise", {**TOLD, **SMALL, "model": ("flux2", "model")}),
            },
            ("latent", "latents", "starts_from_nothing"),
            id="starts_from_nothing",
        ),
        pytest.param(
            {
                **graph(
                    mask=("mask_shape", {"width": 64, "height": 64}),
                    made=("inpaint", {**TOLD, "picture": PICTURE, "mask": ("mask", "mask")}),
                )
            },
            ("made", "mask", "sizes_differ"),
            id="mask_of_another_size",
        ),
        pytest.param(
            {
                **in_two(),
                "scaled": (
                    "upscale_latents",
                    {"latents": ("flux_latents", "latents"), "width": 136, "height": 128},
                ),
                "made": ("decode", {"latents": ("scaled", "latents"), "model": ("flux", "model")}),
                "flux_latents": ("denoise", {**TOLD, **SMALL, "model": ("flux", "model")}),
                **FLUX,
            },
            ("scaled", "width", "not_multiple"),
            id="size_of_latents",
        ),
        pytest.param(
            in_two(latents=("start", "latents"), strength=0.5)
            | {
                "start": ("encode", {"picture": PICTURE, "model": ("theirs", "model")}),
                "theirs": ("model", {"key": "a-filler"}),
            },
            ("start", "model", "wrong_kind"),
            id="model_that_fills",
        ),
        pytest.param(
            graph(made=("generate", {**TOLD, "model": ("theirs", "model")}))
            | {"theirs": ("model", {"key": "a-provider"})},
            ("made", "model", "wrong_kind"),
            id="model_of_a_provider",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_node(
    nodes: dict[str, Any], wrong: tuple[str, str, str]
) -> None:
    flux = "flux-2" if wrong[2] in ("starts_from_nothing", "not_multiple") else "flux-1"

    bases = {"a_flux": flux, "a_filler": "flux-1-fill", "a_provider": "a-service"}
    assert found_wrong(nodes, **bases) == [wrong]
