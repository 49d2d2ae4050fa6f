"""What the device is called and how much of its memory is taken."""

from __future__ import annotations

import platform

from gpu_tasks.engine.libraries import torch


def device_name(device: torch.device) -> str:
    """Return the name of a GPU ("Tesla T4"), or of the processor."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{platform.machine()} CPU"


def device_bytes(device: torch.device) -> tuple[int, int] | None:
    """Return total and used memory of a GPU; `None` of a processor, which has none of its own."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return total, total - free


def device_uuid(device: torch.device) -> str | None:
    """Return the name by which the driver knows a GPU; `None` of a processor."""
    if device.type != "cuda":
        return None
    return f"GPU-{torch.cuda.get_device_properties(device).uuid}"
