"""Small pictures by the model under training, made as any other picture is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from gpu_tasks.engine.errors import InvalidRequest, OutOfMemory
from gpu_tasks.engine.families import LoadedModel
from gpu_tasks.engine.forward_pass import ForwardPass
from gpu_tasks.engine.passengers import Passenger
from gpu_tasks.engine.prompts.embedding_cache import EmbeddingCache
from gpu_tasks.engine.request import GenerationRequest, PassMember
from gpu_tasks.training.lora.outcomes import TrainingSample
from gpu_tasks.training.lora.settings import TrainingSettings

logger = logging.getLogger(__name__)


def make_samples(
    model: LoadedModel,
    settings: TrainingSettings,
    *,
    step: int,
    is_cancelled: Callable[[], bool] | None,
) -> Iterator[TrainingSample]:
    """Make a picture of each sample prompt, always with the same seed; yield each when ready.

    What cannot be read or does not fit beside the training is left out: the training is worth more
    than a look at it.

    Raises:
        GenerationCancelled: `is_cancelled` said so, before a picture was ready.
    """
    for index, prompt in enumerate(settings.sample_prompts):
        passenger = Passenger(
            PassMember(
                request=GenerationRequest(
                    prompt=prompt,
                    width=settings.resolution,
                    height=settings.resolution,
                    steps=settings.sample_steps,
                    guidance_scale=settings.sample_guidance,
                    scheduler="ddim",
                    seed=settings.seed,
                    model_key=model.source.key,
                ),
                is_cancelled=is_cancelled,
            )
        )
        # A cache of its own: what encoders say changes with each step that trains them.
        run = ForwardPass(model=model, passengers=[passenger], cache=EmbeddingCache(0))
        try:
            shortage = run.make_pictures(sparing=True)
        except InvalidRequest as refused:
            logger.warning("A sample cannot be made: %s", refused)
            continue
        if shortage is not None:
            logger.warning("A sample does not fit beside the training: %s", shortage)
            continue
        match passenger.end:
            case InvalidRequest() | OutOfMemory() as refusal:
                logger.warning("A sample cannot be made: %s", refusal)
                continue
            case Exception() as failure:
                raise failure
        yield TrainingSample(
            step=step,
            index=index,
            prompt=prompt,
            seed=settings.seed,
            picture=passenger.finished[0],
        )
