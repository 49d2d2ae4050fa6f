"""What other tools write into their files, in several of their versions."""

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
