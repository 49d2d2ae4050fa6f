"""What other tools call their samplers, in our names; one that has no twin here stays unnamed.

"DPM++ 2S a" and "DPM++ 3M SDE", say, are not our "DPM++ 2S" and "DPM++ 3M": they would give another
picture.
"""

from collections.abc import Mapping

from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES

# By the name in small letters, without the schedule of its noise.
_A1111 = {
    "euler": "euler",
    "euler a": "euler_a",
    "lms": "lms",
    "heun": "heun",
    "dpm2": "dpm2",
    "dpm2 a": "dpm2_a",
    "dpm++ 2m": "dpmpp_2m",
    "dpm++ sde": "dpmpp_sde",
    "dpm++ 2m sde": "dpmpp_2m_sde",
    "ddim": "ddim",
    "ddpm": "ddpm",
    "plms": "pndm",
    "unipc": "unipc",
    "deis": "deis",
    "lcm": "lcm",
    "tcd": "tcd",
}
# Whose schedule A1111 1.9 and later choose when told to choose it.
_KARRAS_UNLESS_TOLD = frozenset({"dpm2", "dpm2 a", "dpm++ 2m", "dpm++ sde"})
_EXPONENTIAL_UNLESS_TOLD = frozenset({"dpm++ 2m sde"})
_PLAIN_SCHEDULES = frozenset({"", "uniform", "normal", "simple", "ddim_uniform"})

_COMFYUI = {
    "euler": "euler",
    "euler_ancestral": "euler_a",
    "heun": "heun",
    "dpm_2": "dpm2",
    "dpm_2_ancestral": "dpm2_a",
    "lms": "lms",
    "dpmpp_sde": "dpmpp_sde",
    "dpmpp_2m": "dpmpp_2m",
    "dpmpp_2m_sde": "dpmpp_2m_sde",
    "ddpm": "ddpm",
    "lcm": "lcm",
    "deis": "deis",
    "ddim": "ddim",
    "uni_pc": "unipc",
}

# InvokeAI's names since version 3 are ours, but for these; before, they were k-diffusion's.
_INVOKEAI = {
    "kdpm_2": "dpm2",
    "kdpm_2_k": "dpm2_k",
    "kdpm_2_a": "dpm2_a",
    "kdpm_2_a_k": "dpm2_a_k",
    "plms": "pndm",
    "k_lms": "lms",
    "k_euler": "euler",
    "k_euler_a": "euler_a",
    "k_heun": "heun",
    "k_dpm_2": "dpm2",
    "k_dpm_2_a": "dpm2_a",
    "k_dpmpp_2": "dpmpp_2m",
}
_OURS_BY_NAME: Mapping[str, str] = {name.lower(): key for key, name in SCHEDULER_NAMES.items()}


def from_a1111(name: object, schedule: object = "") -> str | None:
    """Return our key for what A1111 writes as `Sampler` and, since 1.9, `Schedule type`."""
    if not isinstance(name, str) or not isinstance(schedule, str):
        return None
    base, kind = name.strip().lower(), schedule.strip().lower()
    if not kind and base.endswith(" karras"):
        base, kind = base.removesuffix(" karras"), "karras"
    if kind == "automatic":
        kind = _chosen_by_a1111(base)
    return _with_schedule(_A1111.get(base), kind)


def from_easel(name: object) -> str | None:
    """Return the key of one of our own schedulers by the name that people see."""
    return _OURS_BY_NAME.get(name.lower()) if isinstance(name, str) else None


def from_comfyui(name: object, schedule: object) -> str | None:
    """Return our key for `sampler_name` and `scheduler` of ComfyUI."""
    if not isinstance(name, str) or not isinstance(schedule, str):
        return None
    return _with_schedule(_COMFYUI.get(name.removesuffix("_gpu")), schedule)


def from_invokeai(name: object) -> str | None:
    """Return our key for a scheduler or, before version 3, a sampler of InvokeAI."""
    if not isinstance(name, str):
        return None
    return _INVOKEAI.get(name, name if name in SCHEDULER_NAMES else None)


def _chosen_by_a1111(base: str) -> str:
    if base in _KARRAS_UNLESS_TOLD:
        return "karras"
    return "exponential" if base in _EXPONENTIAL_UNLESS_TOLD else ""


def _with_schedule(key: str | None, schedule: str) -> str | None:
    if key is None or schedule in _PLAIN_SCHEDULES:
        return key
    karras = f"{key}_k"
    return karras if schedule == "karras" and karras in SCHEDULER_NAMES else None
