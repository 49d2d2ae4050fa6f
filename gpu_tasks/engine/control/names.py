"""The preprocessors on offer, as plain data: the web process lists them and never imports torch.

`preprocessors.py` beside this file holds a function for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.pictures.canvas import check_number


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDescription:
    """Say what a number that a preprocessor is given may be, limits included."""

    name: str
    least: float
    most: float
    default: float
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessorDescription:
    """Say what a preprocessor is called, and what numbers it takes, by their keys."""

    name: str
    parameters: Mapping[str, ParameterDescription] = field(
        default_factory=lambda: MappingProxyType({})
    )
    needs_depth_model: bool = False


def _takes(**parameters: ParameterDescription) -> Mapping[str, ParameterDescription]:
    return MappingProxyType(parameters)


# The order is the order of the menu.
PREPROCESSOR_NAMES: Final[Mapping[str, PreprocessorDescription]] = MappingProxyType(
    {
        "none": PreprocessorDescription(name="None"),
        "canny": PreprocessorDescription(
            name="Canny edges",
            parameters=_takes(
                low=ParameterDescription(name="Low threshold", least=0, most=1000, default=100),
                high=ParameterDescription(name="High threshold", least=0, most=1000, default=200),
            ),
        ),
        "lineart": PreprocessorDescription(
            name="Line art",
            parameters=_takes(
                sigma=ParameterDescription(
                    name="Line width", least=0.5, most=32, default=6, whole=False
                ),
                floor=ParameterDescription(name="Faintest line", least=0, most=255, default=8),
            ),
        ),
        "softedge": PreprocessorDescription(
            name="Soft edges",
            parameters=_takes(
                sigma=ParameterDescription(
                    name="Smoothing", least=0.5, most=32, default=2, whole=False
                ),
            ),
        ),
        "scribble": PreprocessorDescription(
            name="Scribble",
            parameters=_takes(
                threshold=ParameterDescription(name="Threshold", least=1, most=254, default=32),
            ),
        ),
        "depth": PreprocessorDescription(name="Depth", needs_depth_model=True),
        "blur": PreprocessorDescription(
            name="Blur (tile)",
            parameters=_takes(
                sigma=ParameterDescription(
                    name="Smoothing", least=0.5, most=128, default=8, whole=False
                ),
            ),
        ),
        "grayscale": PreprocessorDescription(name="Grayscale"),
        "invert": PreprocessorDescription(name="Invert"),
        "threshold": PreprocessorDescription(
            name="Black and white",
            parameters=_takes(
                threshold=ParameterDescription(name="Threshold", least=0, most=255, default=128),
            ),
        ),
        "colors": PreprocessorDescription(
            name="Colours (mosaic)",
            parameters=_takes(
                cell=ParameterDescription(name="Cell in pixels", least=2, most=512, default=64),
            ),
        ),
        "shuffle": PreprocessorDescription(
            name="Shuffle",
            parameters=_takes(
                seed=ParameterDescription(name="Seed", least=0, most=2**32 - 1, default=0),
                grain=ParameterDescription(
                    name="Grain in pixels", least=16, most=1024, default=256
                ),
            ),
        ),
    }
)


def complete_parameters(name: str, parameters: Mapping[str, float]) -> Mapping[str, float]:
    """Return the parameters of a preprocessor with the defaults of those that are not given.

    Raises:
        InvalidRequest: naming `preprocessor` if there is none of that name, `parameters` if it has
            none of a given key, or the key of the one that is wrong.
    """
    description = PREPROCESSOR_NAMES.get(name)
    if description is None:
        raise InvalidRequest({"preprocessor": "is not a known preprocessor"})
    if not set(parameters) <= set(description.parameters):
        known = ", ".join(description.parameters) or "none"
        raise InvalidRequest({"parameters": f"may only be of these: {known}"})
    values = {key: one.default for key, one in description.parameters.items()} | dict(parameters)
    for key, one in description.parameters.items():
        check_number(key, values[key], least=one.least, most=one.most, whole=one.whole)
    if name == "canny" and values["low"] > values["high"]:
        raise InvalidRequest({"low": "must not be above the high threshold"})
    return MappingProxyType(values)
