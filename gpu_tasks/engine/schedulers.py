"""A class and its settings for every scheduler name, and a fresh scheduler for every request."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from gpu_tasks.engine.libraries import diffusers, torch
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerSpec:
    """Describe a scheduler: what is set here wins over the configuration of the model."""

    key: str
    name: str
    scheduler_class: Any
    config: Mapping[str, Any]


_KARRAS: Final = {"use_karras_sigmas": True}
_SDE: Final = {"algorithm_type": "sde-dpmsolver++"}
_ODE: Final = {"algorithm_type": "dpmsolver++"}
# The single-step solver cannot end on sigma 0 otherwise (it says so and switches by itself).
_SINGLE_STEP: Final = {"solver_order": 2, "lower_order_final": True}

_CLASSES: Final[Mapping[str, tuple[Any, Mapping[str, Any]]]] = {
    "ddim": (diffusers.DDIMScheduler, {}),
    "ddpm": (diffusers.DDPMScheduler, {}),
    # Runge-Kutta warm-up steps would cost nine more evaluations; SD 1.x never uses them.
    "pndm": (diffusers.PNDMScheduler, {"skip_prk_steps": True}),
    "euler": (diffusers.EulerDiscreteScheduler, {}),
    "euler_k": (diffusers.EulerDiscreteScheduler, _KARRAS),
    "euler_a": (diffusers.EulerAncestralDiscreteScheduler, {}),
    "heun": (diffusers.HeunDiscreteScheduler, {}),
    "heun_k": (diffusers.HeunDiscreteScheduler, _KARRAS),
    "lms": (diffusers.LMSDiscreteScheduler, {}),
    "lms_k": (diffusers.LMSDiscreteScheduler, _KARRAS),
    "dpm2": (diffusers.KDPM2DiscreteScheduler, {}),
    "dpm2_k": (diffusers.KDPM2DiscreteScheduler, _KARRAS),
    "dpm2_a": (diffusers.KDPM2AncestralDiscreteScheduler, {}),
    "dpm2_a_k": (diffusers.KDPM2AncestralDiscreteScheduler, _KARRAS),
    "dpmpp_2s": (diffusers.DPMSolverSinglestepScheduler, _SINGLE_STEP | _ODE),
    "dpmpp_2s_k": (diffusers.DPMSolverSinglestepScheduler, _SINGLE_STEP | _ODE | _KARRAS),
    "dpmpp_2m": (diffusers.DPMSolverMultistepScheduler, {"solver_order": 2} | _ODE),
    "dpmpp_2m_k": (diffusers.DPMSolverMultistepScheduler, {"solver_order": 2} | _ODE | _KARRAS),
    "dpmpp_2m_sde": (diffusers.DPMSolverMultistepScheduler, {"solver_order": 2} | _SDE),
    "dpmpp_2m_sde_k": (
        diffusers.DPMSolverMultistepScheduler,
        {"solver_order": 2} | _SDE | _KARRAS,
    ),
    "dpmpp_3m": (diffusers.DPMSolverMultistepScheduler, {"solver_order": 3} | _ODE),
    "dpmpp_3m_k": (diffusers.DPMSolverMultistepScheduler, {"solver_order": 3} | _ODE | _KARRAS),
    "dpmpp_sde": (diffusers.DPMSolverSinglestepScheduler, _SINGLE_STEP | _SDE),
    "dpmpp_sde_k": (diffusers.DPMSolverSinglestepScheduler, _SINGLE_STEP | _SDE | _KARRAS),
    "unipc": (diffusers.UniPCMultistepScheduler, {}),
    "unipc_k": (diffusers.UniPCMultistepScheduler, _KARRAS),
    "deis": (diffusers.DEISMultistepScheduler, {}),
    "deis_k": (diffusers.DEISMultistepScheduler, _KARRAS),
    "lcm": (diffusers.LCMScheduler, {}),
    "tcd": (diffusers.TCDScheduler, {}),
}

SCHEDULERS: Final[Mapping[str, SchedulerSpec]] = MappingProxyType(
    {
        key: SchedulerSpec(
            key=key,
            name=name,
            scheduler_class=_CLASSES[key][0],
            config=MappingProxyType(dict(_CLASSES[key][1])),
        )
        for key, name in SCHEDULER_NAMES.items()
    }
)


class FlowUniPC(diffusers.UniPCMultistepScheduler):  # type: ignore[misc]
    """UniPC as flow models ask for it: they start from pictures, and give sigmas in lists."""

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        sigmas: Sequence[float] | None = None,
        mu: float | None = None,
    ) -> None:
        """Choose the steps, by their sigmas if any are given."""
        super().set_timesteps(
            num_inference_steps,
            device,
            sigmas=None if sigmas is None else np.array(sigmas),
            mu=mu,
        )

    def scale_noise(
        self, sample: torch.Tensor, timestep: torch.Tensor, noise: torch.Tensor
    ) -> torch.Tensor:
        """Return `sample` with as much noise as there is at `timestep`."""
        noisy: torch.Tensor = self.add_noise(sample, noise, timestep)
        return noisy


# For models that go straight from noise to picture, under the names that users know.
_FLOW_CLASSES: Final[Mapping[str, tuple[Any, Mapping[str, Any]]]] = {
    "euler": (diffusers.FlowMatchEulerDiscreteScheduler, {}),
    "lcm": (diffusers.FlowMatchLCMScheduler, {}),
    "unipc": (
        FlowUniPC,
        {"use_flow_sigmas": True, "prediction_type": "flow_prediction"},
    ),
}

# What a model's own configuration may have chosen for its own default scheduler, and what would
# turn, say, "DPM++ 2M" into its Karras or SDE sister.
_CHOSEN_BY_THE_KEY: Final = {
    "use_karras_sigmas": False,
    "use_exponential_sigmas": False,
    "use_beta_sigmas": False,
}


def make_scheduler(key: str, *, model_config: Mapping[str, Any], steps: int) -> Any:
    """Make the scheduler `key` for one request of `steps` steps.

    The noise schedule and the kind of prediction come from the model's own configuration.
    """
    if is_flow(model_config):
        flow_class, settings = _FLOW_CLASSES[key]
        # UniPC has a name of its own for how far the steps lean towards the noise.
        shift = {"flow_shift": model_config.get("shift", 1.0)}
        return flow_class.from_config({**model_config, **shift, **settings})
    spec = SCHEDULERS[key]
    config = {**model_config, **_CHOSEN_BY_THE_KEY, **spec.config}
    if steps == 1:
        # Spacing has no meaning with one step, and DEIS would return the noise unchanged.
        config["use_karras_sigmas"] = False
    parameters = inspect.signature(spec.scheduler_class.__init__).parameters
    if "original_inference_steps" in parameters:
        config["original_inference_steps"] = _distillation_steps(
            steps, train_steps=int(config.get("num_train_timesteps", 1000))
        )
    return spec.scheduler_class.from_config(config)


def is_flow(model_config: Mapping[str, Any]) -> bool:
    """Tell whether a model's scheduler is one of flow matching, which has no noise schedule."""
    return "beta_start" not in model_config


def seed_steps(scheduler: Any, generators: list[torch.Generator]) -> None:
    """Have the noise that a step adds come from the generators of the rows.

    Pipelines of flow models pass none on, and LCM would take its noise from the whole process.
    Only for a scheduler that belongs to one call.
    """
    if not isinstance(scheduler, diffusers.FlowMatchLCMScheduler):
        return
    step = scheduler.step

    @functools.wraps(step)
    def seeded_step(*args: Any, **kwargs: Any) -> Any:
        return step(*args, **({"generator": generators} | kwargs))

    scheduler.step = seeded_step


def keep_rows(scheduler: Any, rows: list[int], *, of: int) -> None:
    """Forget what a scheduler remembers of every row of a batch `of` so many but `rows`.

    Solvers of a higher order keep earlier latents and outputs, as tensors or in lists; their
    schedules have one dimension.
    """

    def keep(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.ndim > 1 and value.shape[0] == of:
            return value[rows]
        return [keep(item) for item in value] if isinstance(value, list) else value

    for name, value in vars(scheduler).items():
        if isinstance(value, torch.Tensor | list):
            setattr(scheduler, name, keep(value))


def _distillation_steps(steps: int, *, train_steps: int) -> int:
    """Return how many steps LCM and TCD pick theirs from: 50, or more when more are asked for.

    Only a divisor of the trained steps makes a schedule that begins at the last of them.
    """
    least = max(50, steps)
    return next(n for n in range(least, train_steps + 1) if train_steps % n == 0)
