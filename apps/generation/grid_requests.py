"""What a client says of a grid, and what is answered."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.core.errors import FieldMessages, Invalid
from apps.core.serializers import TextField
from apps.generation.grids import FIELDS, MAX_VALUES, expand_grid
from apps.generation.guide_requests import KEY_LENGTH
from apps.generation.models import Priority
from apps.generation.requests import BatchItemSerializer
from apps.generation.serializers import BatchSerializer


class AxisSerializer(serializers.Serializer[Any]):
    """A field and the values that it takes, one after another."""

    field = serializers.ChoiceField(choices=FIELDS)
    values = serializers.ListField(
        child=serializers.JSONField(), min_length=1, max_length=MAX_VALUES
    )
    lora = TextField(
        max_length=KEY_LENGTH,
        required=False,
        help_text="With `lora_weight`: which of the LoRAs of the base.",
    )

    def validate_values(self, values: list[Any]) -> list[Any]:
        if not all(isinstance(value, str | int | float) for value in values):
            raise serializers.ValidationError(_("Give texts and numbers alone."))
        return values


class GridRequestSerializer(serializers.Serializer[Any]):
    """Settings, a field that varies across, and another one down."""

    base = BatchItemSerializer()
    x = AxisSerializer()
    y = AxisSerializer(required=False, allow_null=True)
    priority = serializers.ChoiceField(choices=Priority.choices, required=False)


class GridSerializer(BatchSerializer):
    """The jobs of a grid, row by row, with what varies across and down."""

    x = AxisSerializer()
    y = AxisSerializer(allow_null=True)


class GridQuoteSerializer(serializers.Serializer[Any]):
    """What a grid costs at most."""

    credits = serializers.IntegerField()
    seconds = serializers.FloatField()
    count = serializers.IntegerField()


@dataclass(frozen=True, slots=True)
class GridRequest:
    """A grid that is asked for: its axes, the validated settings of each cell row by row."""

    axes: dict[str, Any]
    cells: list[dict[str, Any]]
    priority: Priority


def read_grid(data: Any) -> GridRequest:
    """Return what is asked for.

    Raises:
        ValidationError, Invalid: what is wrong, by field; of a cell by its number from 0.
    """
    form = GridRequestSerializer(data=data)
    form.is_valid(raise_exception=True)
    x, y = form.validated_data["x"], form.validated_data.get("y")
    axes = {"x": dict(x), "y": None if y is None else dict(y)}
    cells = expand_grid(base=data["base"], axes=[axis for axis in (x, y) if axis is not None])
    validated = []
    problems: FieldMessages = {}
    for number, cell in enumerate(cells):
        item = BatchItemSerializer(data=cell)
        if item.is_valid():
            validated.append(dict(item.validated_data))
        else:
            for name, said in item.errors.items():
                problems[f"cells.{number}.{name}"] = [str(each) for each in said]
    if problems:
        raise Invalid(fields=problems)
    priority = Priority(form.validated_data.get("priority", Priority.NORMAL))
    return GridRequest(axes, validated, priority)
