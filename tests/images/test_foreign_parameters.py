"""What other tools write into their files, as they write it, in our names."""

import json
from typing import Any

import pytest

from apps.images.files import parameters_text
from apps.images.foreign_parameters import ForeignParameters, read_parameters
from tests.images.foreign_files import (
    A1111_1_5,
    A1111_1_9,
    COMFYUI_FLUX,
    COMFYUI_SD,
    DREAM,
    FORGE,
    INVOKEAI_2,
    INVOKEAI_3,
    INVOKEAI_5,
)


def metadata(texts: dict[str, str]) -> dict[str, Any]:
    found = read_parameters(texts)
    assert found is not None
    return found.metadata


def test_a1111_before_1_9() -> None:
    assert metadata({"parameters": A1111_1_5}) == {
        "source": "a1111",
        "prompt": "masterpiece, a lighthouse at dusk, (waves:1.2), \nsecond line of it",
        "negative_prompt": "lowres, bad anatomy,\nblurry",
        "seed": 1234567890,
        "steps": 28,
        "guidance_scale": 6.5,
        "scheduler": "dpmpp_2m_k",
        "scheduler_name": "DPM++ 2M Karras",
        "width": 512,
        "height": 768,
        "model_name": "v1-5-pruned-emaonly",
        "strength": 0.45,
        "loras": [{"name": "inkSketch_v2", "weight": 0.8}],
    }


def test_a1111_since_1_9() -> None:
    found = metadata({"parameters": A1111_1_9})

    assert found["prompt"] == 'a cat, "quoted"'
    assert "negative_prompt" not in found
    assert found["scheduler"] == "dpmpp_2m_k"  # what it chooses for this one
    assert found["scheduler_name"] == "DPM++ 2M Automatic"
    assert found["model_name"] == "odd, name: with both"


def test_forge() -> None:
    found = metadata({"parameters": FORGE})

    assert found["scheduler"] == "euler"
    assert found["guidance_scale"] == 3.5
    assert (found["width"], found["height"]) == (896, 1152)
    assert found["model_name"] == "flux1-dev-bnb-nf4"


@pytest.mark.parametrize(
    ("settings", "scheduler"),
    [
        ("Sampler: Euler a", "euler_a"),
        ("Sampler: Euler a, Schedule type: Karras", None),  # there is none here
        ("Sampler: DPM++ 2S a Karras", None),
        ("Sampler: DPM++ 2M SDE, Schedule type: Automatic", None),
        ("Sampler: DPM++ 2M SDE, Schedule type: Karras", "dpmpp_2m_sde_k"),
        ("Sampler: DPM++ 2M, Schedule type: Exponential", None),
        ("Sampler: DPM++ 2M, Schedule type: Uniform", "dpmpp_2m"),
        ("Sampler: PLMS", "pndm"),
        ("Sampler: Restart", None),
    ],
)
def test_a_sampler_is_named_only_if_it_is_the_same(settings: str, scheduler: str | None) -> None:
    found = metadata({"parameters": f"x\nSteps: 20, {settings}, Seed: 1"})

    assert found.get("scheduler") == scheduler


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just a comment of a camera",
        "Steps to the sea: 20 and more\nnothing: of, the: kind, at: all",
        '{"sui_image_params": {"prompt": "x"}}',
    ],
)
def test_a_text_without_settings_is_not_a1111s(text: str) -> None:
    assert read_parameters({"parameters": text}) is None


def test_a_negative_prompt_alone() -> None:
    found = metadata({"parameters": "Negative prompt: rain\nSteps: 20, Seed: 1"})

    assert found == {"source": "a1111", "negative_prompt": "rain", "seed": 1, "steps": 20}


def test_invokeai_3() -> None:
    assert metadata({"invokeai_metadata": json.dumps(INVOKEAI_3)}) == {
        "source": "invokeai",
        "prompt": "a red barn",
        "seed": 3735928559,
        "steps": 30,
        "guidance_scale": 7.5,
        "scheduler": "dpm2_a",
        "scheduler_name": "kdpm_2_a",
        "width": 768,
        "height": 512,
        "model_name": "stable-diffusion-v1-5",
        "strength": 0.6,
        "loras": [{"name": "pencil", "weight": 0.75}],
    }


def test_invokeai_5_with_its_workflow() -> None:
    graph = {"name": "FLUX", "nodes": [{"id": "a", "data": {"x": 1.5}}], "edges": []}
    found = read_parameters(
        {"invokeai_metadata": json.dumps(INVOKEAI_5), "invokeai_workflow": json.dumps(graph)}
    )

    assert found == ForeignParameters(
        metadata={
            "source": "invokeai",
            "prompt": "an owl",
            "seed": 17,
            "steps": 25,
            "guidance_scale": 4.0,
            "scheduler": "euler",
            "scheduler_name": "euler",
            "width": 1024,
            "height": 1024,
            "model_name": "FLUX Dev",
            "loras": [{"name": "Grain", "weight": 1.0}],
        },
        workflow=graph,
    )


def test_invokeai_2() -> None:
    assert metadata({"sd-metadata": json.dumps(INVOKEAI_2), "Dream": DREAM}) == {
        "source": "invokeai",
        "prompt": "a small boat",
        "negative_prompt": "people, text",
        "seed": 2811,
        "steps": 50,
        "guidance_scale": 7.5,
        "scheduler": "euler_a",
        "scheduler_name": "k_euler_a",
        "width": 704,
        "height": 512,
        "model_name": "stable-diffusion-1.5",
    }


def test_invokeai_1() -> None:
    assert metadata({"Dream": DREAM}) == {
        "source": "invokeai",
        "prompt": "an old  tower",
        "negative_prompt": "new",
        "seed": 42,
        "steps": 50,
        "guidance_scale": 7.5,
        "scheduler": "lms",
        "scheduler_name": "k_lms",
        "width": 512,
        "height": 640,
        "strength": 0.4,
    }


def test_comfyui_by_the_first_of_two_samplers() -> None:
    drawn = {"last_node_id": 20, "nodes": [{"id": 3, "type": "KSampler"}], "version": 0.4}
    found = read_parameters({"prompt": json.dumps(COMFYUI_SD), "workflow": json.dumps(drawn)})

    assert found == ForeignParameters(
        metadata={
            "source": "comfyui",
            "prompt": "a glass bottle",
            "negative_prompt": "text, watermark",
            "seed": 156680208700286,
            "steps": 20,
            "guidance_scale": 8.0,
            "scheduler": "dpmpp_2m_sde_k",
            "scheduler_name": "dpmpp_2m_sde_gpu karras",
            "width": 832,
            "height": 1216,
            "model_name": "sd_xl_base_1.0.safetensors",
            "loras": [{"name": "papercut.safetensors", "weight": 0.9}],
        },
        workflow=drawn,
    )


def test_comfyui_with_a_sampler_in_parts() -> None:
    found = read_parameters({"prompt": json.dumps(COMFYUI_FLUX)})

    assert found == ForeignParameters(
        metadata={
            "source": "comfyui",
            "prompt": "a dragon",
            "seed": 219670278747233,
            "steps": 24,
            "guidance_scale": 3.5,
            "scheduler": "euler",
            "scheduler_name": "euler simple",
            "width": 1024,
            "height": 768,
            "model_name": "flux1-dev.safetensors",
            "strength": 0.85,
        },
        workflow=COMFYUI_FLUX,
    )


def test_a_prompt_that_is_emptied_is_not_the_negative_one() -> None:
    inputs = {
        "seed": 1,
        "cfg": 1,
        "positive": ["2", 0],
        "negative": ["3", 0],
        "latent_image": ["4", 0],
    }
    graph = {
        "1": {"class_type": "KSampler", "inputs": inputs},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a hill"}},
        "3": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["2", 0]}},
    }

    found = metadata({"prompt": json.dumps(graph)})

    assert found == {"source": "comfyui", "prompt": "a hill", "seed": 1, "guidance_scale": 1.0}


def test_a_graph_in_a_circle_comes_to_an_end() -> None:
    graph = {
        "1": {
            "class_type": "KSampler",
            "inputs": {
                "seed": ["2", 0],
                "steps": 5,
                "positive": ["2", 0],
                "model": ["2", 0],
                "latent_image": ["1", 0],
            },
        },
        "2": {
            "class_type": "Odd",
            "inputs": {"seed": ["2", 0], "text": ["2", 0], "model": ["1", 0]},
        },
    }

    assert metadata({"prompt": json.dumps(graph)}) == {"source": "comfyui", "steps": 5}


def test_our_own_files() -> None:
    ours = {
        "prompt": "노을",
        "negative_prompt": "",
        "seed": 7,
        "steps": 20,
        "guidance_scale": 5.0,
        "scheduler": "euler_k",
        "scheduler_name": "Euler Karras",
        "width": 64,
        "height": 48,
        "model": "starter",
        "model_name": "Starter",
        "num_images": 1,
        "init_image": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "generation": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "easel_version": "1",
    }
    expected = {
        "source": "easel",
        "prompt": "노을",
        "seed": 7,
        "steps": 20,
        "guidance_scale": 5.0,
        "scheduler": "euler_k",
        "scheduler_name": "Euler Karras",
        "width": 64,
        "height": 48,
        "model": "starter",
        "model_name": "Starter",
    }
    text = parameters_text(ours)

    assert metadata({"easel": json.dumps(ours), "parameters": text}) == expected
    # As a JPEG has it, without the chunk: the key of the model stands where A1111 has its name.
    from_text = expected | {"model_name": "starter"}
    del from_text["model"]
    assert metadata({"parameters": text}) == from_text


def test_the_source_is_not_for_the_file_to_say() -> None:
    assert metadata({"easel": '{"source": "invokeai", "seed": 1}'})["source"] == "easel"


def test_a_workflow_stays_with_settings_that_another_text_has() -> None:
    found = read_parameters(
        {"workflow": '{"nodes": []}', "parameters": "a tree\nSteps: 20, Seed: 1"}
    )

    assert found == ForeignParameters(
        metadata={"source": "a1111", "prompt": "a tree", "seed": 1, "steps": 20},
        workflow={"nodes": []},
    )


def test_a_workflow_alone_is_kept() -> None:
    assert read_parameters({"workflow": '{"nodes": []}'}) == ForeignParameters(
        metadata={"source": "comfyui"}, workflow={"nodes": []}
    )
