"""The schedulers on offer, as plain data: the web process lists them and never imports torch.

`schedulers.py` beside this file holds a class for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# The order is the order of the menu.
SCHEDULER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ddim": "DDIM",
        "ddpm": "DDPM",
        "pndm": "PNDM",
        "euler": "Euler",
        "euler_k": "Euler Karras",
        "euler_a": "Euler a",
        "heun": "Heun",
        "heun_k": "Heun Karras",
        "lms": "LMS",
        "lms_k": "LMS Karras",
        "dpm2": "DPM2",
        "dpm2_k": "DPM2 Karras",
        "dpm2_a": "DPM2 a",
        "dpm2_a_k": "DPM2 a Karras",
        "dpmpp_2s": "DPM++ 2S",
        "dpmpp_2s_k": "DPM++ 2S Karras",
        "dpmpp_2m": "DPM++ 2M",
        "dpmpp_2m_k": "DPM++ 2M Karras",
        "dpmpp_2m_sde": "DPM++ 2M SDE",
        "dpmpp_2m_sde_k": "DPM++ 2M SDE Karras",
        "dpmpp_3m": "DPM++ 3M",
        "dpmpp_3m_k": "DPM++ 3M Karras",
        "dpmpp_sde": "DPM++ SDE",
        "dpmpp_sde_k": "DPM++ SDE Karras",
        "unipc": "UniPC",
        "unipc_k": "UniPC Karras",
        "deis": "DEIS",
        "deis_k": "DEIS Karras",
        "lcm": "LCM",
        "tcd": "TCD",
    }
)

# Of models that follow a straight path from noise to picture (flow matching).
FLOW_SCHEDULER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {key: SCHEDULER_NAMES[key] for key in ("euler", "lcm", "unipc")}
)
