"""What a graph names, as far as its user has it: models, pictures of the gallery, boards."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rest_framework.exceptions import ValidationError

from apps.boards.models import Board
from apps.catalog.models import ModelKind
from apps.core.errors import FieldMessages, Invalid, from_exception
from apps.generation.parameters import GenerationParameters, complete_parameters
from apps.generation.parameters.add_ons import find_by_keys
from apps.generation.requests import GenerationRequestSerializer, QuoteRequestSerializer
from apps.images.models import Image
from gpu_tasks.engine.family_facts import FAMILY_FACTS
from gpu_tasks.nodes.graph import Graph
from gpu_tasks.nodes.problems import WrongValue
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.values import ModelFacts, Outline, ValueType

# What a model fills in where a node leaves it open.
_DEFAULTS = (
    "default_width",
    "default_height",
    "default_steps",
    "default_guidance",
    "default_scheduler",
)
_NAMING = frozenset({ValueType.MODEL_KEY, ValueType.PICTURE_NAME, ValueType.BOARD})


class TenantFinder:
    """Find what a graph names, of one user and of what everybody has; three queries at most.

    Somebody else's is not there. `models` are those by key, with the `defaults` that an earlier
    look found (`defaults_of`) in place of what they have now.
    """

    def __init__(
        self,
        *,
        user_id: uuid.UUID,
        graph: Graph,
        defaults: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        named = _names_in(graph)
        found = find_by_keys(user_id=user_id, keys=named[ValueType.MODEL_KEY])
        # Of what others make for us, nothing runs on our GPUs.
        self.models = {
            key: model
            for key, model in found.items()
            if not model.base or model.base in FAMILY_FACTS
        }
        self._made_elsewhere = found.keys() - self.models.keys()
        for key, values in (defaults or {}).items():
            if key in self.models:
                for name in _DEFAULTS:
                    setattr(self.models[key], name, values[name])
        self._pictures = _pictures(user_id, named[ValueType.PICTURE_NAME])
        self._boards = _boards(user_id, named[ValueType.BOARD])

    def model(self, key: str) -> ModelFacts | None:
        """Return what is known of a model that the user may name.

        Raises:
            WrongValue: another service makes its pictures.
        """
        if key in self._made_elsewhere:
            raise WrongValue("made_elsewhere")
        model = self.models.get(key)
        if model is None:
            return None
        return ModelFacts(
            key=model.key,
            kind=model.kind,
            base=model.base,
            name=model.name,
            width=model.default_width,
            height=model.default_height,
        )

    def defaults_of(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return what these models fill in, by key: a run is of what was quoted."""
        models = [
            model for key in sorted(keys) if (model := self.models[key]).kind == ModelKind.MAIN
        ]
        return {model.key: {name: getattr(model, name) for name in _DEFAULTS} for model in models}

    def picture(self, name: str) -> Outline | None:
        """Return what is known of a picture of the user."""
        return self._pictures.get(name)

    def board(self, board_id: str) -> bool:
        """Say whether it is a board of the user."""
        return board_id in self._boards

    def generation_problems(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        """Return what the model of a generation cannot do, by field; empty if it can all."""
        try:
            self.parameters_of(settings, form=GenerationRequestSerializer)
        except Invalid as error:
            return {field: " ".join(messages) for field, messages in error.fields.items()}
        return {}

    def parameters_of(
        self,
        settings: Mapping[str, Any],
        *,
        form: type[GenerationRequestSerializer] = QuoteRequestSerializer,
    ) -> GenerationParameters:
        """Return the generation that settings in the form of the API ask for.

        A prompt may be missing unless `form` says otherwise: what decodes latents has none.

        Raises:
            Invalid: its model cannot do it, by field.
        """
        model = self.models.get(settings.get("model", ""))
        if model is None:
            raise Invalid(fields={"model": [str(Invalid.detail)]})
        asked = form(data={name: value for name, value in settings.items() if name != "model"})
        if not asked.is_valid():
            raise Invalid(fields=_messages(asked.errors))
        return complete_parameters(model=model, add_ons=self.models, **asked.validated_data)


def _messages(errors: Any) -> FieldMessages:
    return from_exception(ValidationError(errors)).fields


def _names_in(graph: Graph) -> dict[ValueType, set[str]]:
    named: dict[ValueType, set[str]] = {kind: set() for kind in _NAMING}
    for node in graph.nodes.values():
        for declared in NODES[node.type].inputs:
            value = node.inputs.get(declared.name, declared.default)
            if declared.type in _NAMING and isinstance(value, str):
                named[declared.type].add(value)
    return named


def _pictures(user_id: uuid.UUID, names: set[str]) -> dict[str, Outline]:
    wanted = _ids(names)
    if not wanted:
        return {}
    rows = Image.objects.filter(user=user_id, image_name__in=wanted)
    return {
        str(name): Outline(1, width, height)
        for name, width, height in rows.values_list("image_name", "width", "height")
    }


def _boards(user_id: uuid.UUID, ids: set[str]) -> set[str]:
    wanted = _ids(ids)
    if not wanted:
        return set()
    rows = Board.objects.filter(user=user_id, id__in=wanted)
    return {str(board_id) for board_id in rows.values_list("id", flat=True)}


def _ids(texts: set[str]) -> Sequence[uuid.UUID]:
    return [uuid.UUID(text) for text in texts]
