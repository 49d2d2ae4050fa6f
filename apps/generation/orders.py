"""What is asked for, with the models that it names: found and checked, not accepted yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.catalog.selectors import get_model, list_models
from apps.core.errors import FieldMessages, Invalid
from apps.generation.models import Job
from apps.generation.parameters import GenerationParameters, complete_parameters
from apps.generation.parameters.add_ons import find_add_ons, find_by_keys
from apps.generation.parameters.completion import check_parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One job that is asked for; `quote` is the token of one, without it it is quoted now.

    `add_ons` are the models that `parameters` name beside `model`, by key, as far as they are
    known; others are looked up.
    """

    model: GenerationModel
    parameters: GenerationParameters
    add_ons: Mapping[str, GenerationModel] = field(default_factory=dict)
    quote: str | None = None

    @property
    def models(self) -> list[GenerationModel]:
        """Return all models that are needed, the main one first."""
        keys = {key for _field, key, _kinds in self.parameters.models_named()}
        return [self.model, *(model for key, model in self.add_ons.items() if key in keys)]


def draw_up_order(*, user: User, settings: Mapping[str, Any]) -> Order:
    """Return what one validated request asks for; at most two queries.

    Raises:
        Invalid: its model is not there, or cannot do it; each field with what helps.
    """
    values = dict(settings)
    quote = values.pop("quote", None)
    model = get_model(user=user, key=values.pop("model", None))
    add_ons = find_add_ons(user=user, settings=[values])
    parameters = complete_parameters(model=model, add_ons=add_ons, **values)
    return Order(model=model, parameters=parameters, add_ons=add_ons, quote=quote)


def draw_up_orders(
    *, user: User, requests: Sequence[Mapping[str, Any]], field_name: str = "generations"
) -> list[Order]:
    """Return what many validated requests ask for; two queries, whatever their number.

    Raises:
        Invalid: as for one, each field behind `field_name` and the number of its request.
    """
    models = {model.key: model for model in list_models(user=user)}
    default = next(iter(models.values()), None)
    add_ons = find_add_ons(user=user, settings=requests)
    orders = []
    problems: FieldMessages = {}
    for number, request in enumerate(requests):
        values = dict(request)
        quote = values.pop("quote", None)
        key = values.pop("model", None)
        model = default if key is None else models.get(key)
        try:
            if model is None:
                raise _no_model()
            parameters = complete_parameters(model=model, add_ons=add_ons, **values)
        except Invalid as error:
            for name, messages in error.fields.items():
                problems[f"{field_name}.{number}.{name}"] = messages
            continue
        orders.append(Order(model=model, parameters=parameters, add_ons=add_ons, quote=quote))
    if problems:
        raise Invalid(fields=problems)
    return orders


def order_again(*, user: User, job: Job, parameters: GenerationParameters | None = None) -> Order:
    """Return what an earlier job asked for, as far as it can still be had; two queries at most.

    Raises:
        Invalid: a model is gone, or is another by now.
    """
    parameters = parameters or GenerationParameters.from_json(job.parameters)
    model = get_model(user=user, key=job.model_id)
    keys = [key for _field, key, _kinds in parameters.models_named()]
    add_ons = find_by_keys(user_id=user.id, keys=keys)
    check_parameters(parameters, model=model, add_ons=add_ons)
    return Order(model=model, parameters=parameters, add_ons=add_ons)


def _no_model() -> Invalid:
    return Invalid(fields={"model": [_("There is no such model; GET /api/v1/models lists all.")]})
