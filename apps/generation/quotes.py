"""What a generation will cost at most, told before it is asked for."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from django.core import signing
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.catalog.models import PLANNED_SECONDS, GenerationModel
from apps.core.errors import Conflict, ErrorCode
from apps.credits.costs import Basis, Quote, quote_multiple
from apps.credits.selectors import Kind, quote_shapes
from apps.generation.loads import Load, load_of
from apps.generation.orders import Order
from apps.generation.parameters import GenerationParameters
from apps.generation.placing import tier_for
from apps.generation.provided import terms_of_orders
from apps.plans.selectors import plan_of
from apps.plans.tiers import GpuTier
from apps.providers.selectors import Terms
from gpu_tasks.providers.facts import PROVIDER_FACTS

QUOTE_SECONDS = 10 * 60
_SALT = "easel.quote"


@dataclass(frozen=True, slots=True)
class BindingQuote:
    """A quote with the token by which a request holds us to it for `QUOTE_SECONDS`."""

    quote: Quote
    token: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """What decides the price of a generation."""

    model: GenerationModel
    tier: GpuTier
    load: Load
    terms: Terms | None


def quote_order(*, user: User, order: Order) -> BindingQuote:
    """Quote what was drawn up, on the GPUs that it would run on for `user` now."""
    model = order.model
    tier = tier_for(model.base, at_least=plan_of(user=user).gpu_tier)
    (terms,) = terms_of_orders(user_id=user.id, orders=[order])
    load = _load(order.parameters, model.base, terms)
    (quote,) = _quotes([_Kind(model, tier, load, terms)])
    token = sign_quote([*_subject(user.id, model, tier, load), quote.credits], kind=_SALT)
    return BindingQuote(quote=quote, token=token)


def quote_orders(
    *,
    user: User,
    orders: Sequence[Order],
    at_least: GpuTier | None = None,
    terms: Sequence[Terms | None] | None = None,
) -> list[Quote]:
    """Quote what was drawn up, with one query of costs; what a token promises counts before all.

    `at_least` is the tier of the plan, and `terms` those of other services; both are looked up
    without it.

    Raises:
        Conflict: a token is too old, or was for something else.
    """
    plan_tier = at_least or plan_of(user=user).gpu_tier
    if terms is None:
        terms = terms_of_orders(user_id=user.id, orders=orders)
    kinds = [
        _Kind(
            model=order.model,
            tier=tier_for(order.model.base, at_least=plan_tier),
            load=_load(order.parameters, order.model.base, on_terms),
            terms=on_terms,
        )
        for order, on_terms in zip(orders, terms, strict=True)
    ]
    quotes = []
    for order, kind, offer in zip(orders, kinds, _quotes(kinds), strict=True):
        quote = offer
        if order.quote is not None:
            promised = credits_of_token(
                order.quote, user=user, model=kind.model, tier=kind.tier, load=kind.load
            )
            quote = replace(quote, credits=promised)
        quotes.append(quote)
    return quotes


def _quotes(kinds: Sequence[_Kind]) -> list[Quote]:
    """Return a quote for each of `kinds`; one query for all."""
    measured = {
        (kind.model.key, kind.load): Kind(
            kind.model.key, kind.tier, kind.load.shape, PLANNED_SECONDS[kind.model.base]
        )
        for kind in kinds
        if kind.terms is None
    }
    plain = dict(zip(measured, quote_shapes(list(measured.values())), strict=True))
    quotes = []
    for kind in kinds:
        if kind.terms is not None:
            quote = _quote_price(kind.load, kind.model.base, kind.terms)
        else:
            quote = plain[kind.model.key, kind.load]
            if kind.load.factor != 1:
                quote = quote_multiple(quote, factor=kind.load.factor)
        quotes.append(quote)
    return quotes


def credits_of_token(
    token: str, *, user: User, model: GenerationModel, tier: GpuTier, load: Load
) -> int:
    """Return the credits that were quoted under `token`.

    Raises:
        Conflict: it is too old, or was for something else; ask for a new quote.
    """
    *subject, credits = read_quote(token, kind=_SALT)
    if subject != _subject(user.id, model, tier, load):
        raise expired_quote()
    return int(credits)


def _subject(
    user_id: uuid.UUID, model: GenerationModel, tier: GpuTier, load: Load
) -> list[str | int | float]:
    shape = load.shape
    size = (shape.width, shape.height, shape.steps, shape.batch_size, load.factor)
    price = () if load.price is None else (load.price,)
    return [str(user_id), model.key, str(tier), *size, *price]


def _load(parameters: GenerationParameters, base: str, terms: Terms | None) -> Load:
    load = load_of(parameters, base=base)
    return load if terms is None else replace(load, price=terms.credits_a_picture)


def _quote_price(load: Load, base: str, terms: Terms) -> Quote:
    facts, pictures = PROVIDER_FACTS[base], load.shape.batch_size
    calls = ceil(pictures / facts.pictures_a_call)
    return Quote(
        credits=terms.credits_a_picture * pictures,
        seconds=facts.planned_seconds * calls,
        basis=Basis.PRICE,
    )


def sign_quote(values: list[Any], *, kind: str) -> str:
    """Return the token of a quote: what it is for and what it promises, for its `kind` alone."""
    return signing.dumps(values, salt=kind)


def read_quote(token: str, *, kind: str) -> list[Any]:
    """Return what `sign_quote` was given.

    Raises:
        Conflict: it is too old, of another kind, or not ours.
    """
    try:
        values: list[Any] = signing.loads(token, salt=kind, max_age=QUOTE_SECONDS)
    except signing.BadSignature as error:
        raise expired_quote() from error
    return values


def expired_quote() -> Conflict:
    """Return the error of a token that is too old, or was for something else."""
    return Conflict(
        _("This quote does not hold any more, or was for other settings; ask for a new one."),
        code=ErrorCode.QUOTE_EXPIRED,
    )
