"""What the nodes of a workflow are given to work with on a worker."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image as PillowImage

from apps.core.tenancy import tenant_scope
from apps.images.selectors import get_image
from apps.workflows.finding import TenantFinder
from gpu_tasks.engine import Engine, GenerationRequest, ModelSource, StepProgress
from gpu_tasks.engine.guides import AddOn
from gpu_tasks.runner.inputs import open_picture, request_with
from gpu_tasks.runner.sources import Source
from gpu_tasks.runner.weights import local_weights


class RunContext:
    """Serve all nodes of one run; what they keep is in its result, and stored at its end."""

    # Each node is given a context of its own, which knows it.
    node_id = ""

    def __init__(
        self,
        *,
        user_id: uuid.UUID,
        engine: Engine,
        finder: TenantFinder,
        source: Source,
        is_cancelled: Callable[[], bool],
    ) -> None:
        self.engine = engine
        self.is_cancelled = is_cancelled
        self._user_id = user_id
        self._finder = finder
        self._source = source

    def load_picture(self, name: str) -> PillowImage.Image:
        """Return a picture of the user's.

        Raises:
            NotFound: it is gone meanwhile.
            OSError: the store is away.
        """
        with tenant_scope(self._user_id):
            key = get_image(user_id=self._user_id, image_name=uuid.UUID(name)).s3_key
        return open_picture(key)

    def request(
        self, settings: Mapping[str, Any], pictures: Mapping[str, PillowImage.Image]
    ) -> tuple[GenerationRequest, ModelSource]:
        """Return what the engine is asked for settings in the form of the API.

        Raises:
            InvalidRequest, ModelUnavailable, OSError: as `request_with`.
        """
        parameters = self._finder.parameters_of(settings)
        model = self._finder.models[settings["model"]]
        request = request_with(
            parameters,
            model_key=model.key,
            pictures=dict(pictures),
            add_ons=self._finder.models,
            source=self._source,
        )
        return request, self._source(model)

    def upscaler(self, key: str) -> AddOn:
        """Return where the weights of an upscaler lie; errors as `local_weights`."""
        model = self._finder.models[key]
        return AddOn(key=key, path=local_weights(model), sha256=model.sha256)

    def on_step(self, progress: StepProgress) -> None:
        """Do nothing: the states of nodes tell as much."""

    def save(
        self,
        node_id: str,
        pictures: Sequence[PillowImage.Image],
        *,
        board: str | None = None,
        label: str = "",
        seeds: Sequence[int] = (),
    ) -> None:
        """Do nothing: the result of the run has what is kept."""
