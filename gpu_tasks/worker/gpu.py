"""How busy a GPU is, as its driver says."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class GpuUse:
    """Shares of the time and of the memory that are taken, 0 to 100."""

    utilization_percent: float
    memory_percent: float


def gpu_use(uuid: str) -> GpuUse | None:
    """Ask the driver about the GPU of a UUID; `None` where there is no driver to ask."""
    # Nobody without a GPU wants it.
    import pynvml

    nvml: Any = pynvml
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    try:
        card = nvml.nvmlDeviceGetHandleByUUID(uuid)
        rates = nvml.nvmlDeviceGetUtilizationRates(card)
        memory = nvml.nvmlDeviceGetMemoryInfo(card)
    except nvml.NVMLError:
        return None
    finally:
        nvml.nvmlShutdown()
    return GpuUse(float(rates.gpu), 100 * memory.used / memory.total)
