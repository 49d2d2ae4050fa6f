"""What a job is asked to do, checked against the model that will do it."""

from apps.generation.parameters.completion import DEFAULT_STRENGTH, complete_parameters
from apps.generation.parameters.settings import GenerationParameters

__all__ = ["DEFAULT_STRENGTH", "GenerationParameters", "complete_parameters"]
