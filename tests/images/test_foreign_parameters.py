"""What other tools write into their files, as they write it, in our names."""

import json
from typing import Any

import pytest

from apps.images.files import parameters_text
from apps.images.foreign_parameters import ForeignParameters, read_parameters

A1111_1_5 = """\
masterpiece, a lighthouse at dusk, (waves:1.2), <lora:inkSketch_v2:0.8>
second line of it
Negative prompt: lowres, bad anatomy,
blurry
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 1234567890, Size: 512x768, \
Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Denoising strength: 0.45, Clip skip: 2, \
Lora hashes: "inkSketch_v2: 5a1b2c3d4e5f", Version: v1.5.1"""

A1111_1_9 = """\
a cat, "quoted"
Steps: 20, Sampler: DPM++ 2M, Schedule type: Automatic, CFG scale: 7, Seed: 42, Size: 512x512, \
Model hash: abc, Model: "odd, name: with both", Version: v1.9.4"""

FORGE = """\
a fox in the snow
Steps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, \
Seed: 99, Size: 896x1152, Model hash: c161224931, Model: flux1-dev-bnb-nf4, \
Version: f2.0.1v1.10.1-previous-501-g668e87f9, Module 1: ae, Module 2: t5xxl_fp8"""

INVOKEAI_3 = {
    "generation_mode": "img2img",
    "positive_prompt": "a red barn",
    "negative_prompt": "",
    "width": 768,
    "height": 512,
    "seed": 3735928559,
    "rand_device": "cpu",
    "cfg_scale": 7.5,
    "steps": 30,
    "scheduler": "kdpm_2_a",
    "clip_skip": 0,
    "model": {"model_name": "stable-diffusion-v1-5", "base_model": "sd-1", "model_type": "main"},
    "controlnets": [],
    "loras": [{"lora": {"model_name": "pencil", "base_model": "sd-1"}, "weight": 0.75}],
    "strength": 0.6,
    "init_image": "0a1b.png",
    "app_version": "3.4.0",
}

INVOKEAI_5 = {
    "generation_mode": "flux_txt2img",
    "positive_prompt": "an owl",
    "width": 1024,
    "height": 1024,
    "seed": 17,
    "guidance": 4,
    "steps": 25,
    "scheduler": "euler",
    "model": {
        "key": "4581711c-7c63-4a43-8c06-9f2b2dcd8b9b",
        "hash": "blake3:00ff",
        "name": "FLUX Dev",
        "base": "flux",
        "type": "main",
    },
    "loras": [{"model": {"key": "k", "name": "Grain", "base": "flux"}, "weight": 1}],
    "app_version": "5.6.0",
}

INVOKEAI_2 = {
    "model": "stable diffusion",
    "model_id": "stable-diffusion-1.5",
    "model_weights": "stable-diffusion-1.5",
    "model_hash": "cc6cb27103",
    "app_id": "invoke-ai/InvokeAI",
    "app_version": "2.2.5",
    "image": {
        "prompt": [{"prompt": "a small boat [people, text]", "weight": 1}],
        "steps": 50,
        "cfg_scale": 7.5,
        "threshold": 0,
        "perlin": 0,
        "height": 512,
        "width": 704,
        "seed": 2811,
        "type": "txt2img",
        "sampler": "k_euler_a",
        "variations": [],
    },
}

DREAM = '"an old [new] tower" -s50 -S 42 -W 512 -H 640 -C7.5 -A k_lms -f 0.4'

COMFYUI_SD = {
    "3": {
        "inputs": {
            "seed": 156680208700286,
            "steps": 20,
            "cfg": 8,
            "sampler_name": "dpmpp_2m_sde_gpu",
            "scheduler": "karras",
            "denoise": 1,
            "model": ["10", 0],
            "positive": ["6", 0],
            "negative": ["12", 1],
            "latent_image": ["5", 0],
        },
        "class_type": "KSampler",
        "_meta": {"title": "KSampler"},
    },
    "4": {"inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}, "class_type": "CheckpointLoader"},
    "5": {"inputs": {"width": 832, "height": 1216, "batch_size": 1}, "class_type": "EmptyLatent"},
    "6": {"inputs": {"text": ["11", 0], "clip": ["10", 1]}, "class_type": "CLIPTextEncode"},
    "7": {"inputs": {"text": "text, watermark", "clip": ["10", 1]}, "class_type": "CLIPTextEncode"},
    "8": {"inputs": {"samples": ["20", 0], "vae": ["4", 2]}, "class_type": "VAEDecode"},
    "10": {
        "inputs": {
            "lora_name": "papercut.safetensors",
            "strength_model": 0.9,
            "strength_clip": 1,
            "model": ["4", 0],
            "clip": ["4", 1],
        },
        "class_type": "LoraLoader",
    },
    "11": {"inputs": {"value": "a glass bottle"}, "class_type": "PrimitiveString"},
    "12": {
        "inputs": {"strength": 1, "positive": ["6", 0], "negative": ["7", 0]},
        "class_type": "ControlNetApplyAdvanced",
    },
    # A second pass over the enlarged picture of the first.
    "19": {"inputs": {"samples": ["3", 0], "scale_by": 1.5}, "class_type": "LatentUpscaleBy"},
    "20": {
        "inputs": {
            "seed": 1,
            "steps": 10,
            "cfg": 4,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 0.5,
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["19", 0],
        },
        "class_type": "KSampler",
    },
}

COMFYUI_FLUX = {
    "6": {"inputs": {"text": "a dragon", "clip": ["11", 0]}, "class_type": "CLIPTextEncode"},
    "11": {"inputs": {"clip_name1": "t5", "type": "flux"}, "class_type": "DualCLIPLoader"},
    "12": {"inputs": {"unet_name": "flux1-dev.safetensors"}, "class_type": "UNETLoader"},
    "13": {
        "inputs": {
            "noise": ["25", 0],
            "guider": ["22", 0],
            "sampler": ["16", 0],
            "sigmas": ["17", 0],
            "latent_image": ["27", 0],
        },
        "class_type": "SamplerCustomAdvanced",
    },
    "16": {"inputs": {"sampler_name": "euler"}, "class_type": "KSamplerSelect"},
    "17": {
        "inputs": {"scheduler": "simple", "steps": 24, "denoise": 0.85, "model": ["12", 0]},
        "class_type": "BasicScheduler",
    },
    "22": {"inputs": {"model": ["12", 0], "conditioning": ["26", 0]}, "class_type": "BasicGuider"},
    "25": {"inputs": {"noise_seed": 219670278747233}, "class_type": "RandomNoise"},
    "26": {"inputs": {"guidance": 3.5, "conditioning": ["6", 0]}, "class_type": "FluxGuidance"},
    "27": {"inputs": {"width": 1024, "height": 768}, "class_type": "EmptySD3LatentImage"},
}


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
