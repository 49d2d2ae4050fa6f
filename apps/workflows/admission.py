"""Whether a graph may run for its user: plan, graph, models, words; all before a credit is held."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind
from apps.catalog.selectors import list_local_models
from apps.catalog.services import check_licence
from apps.core.errors import Forbidden, Invalid
from apps.generation.content import check_words
from apps.generation.orders import Order
from apps.generation.parameters import GenerationParameters, complete_parameters
from apps.generation.placing import tier_for
from apps.plans.entitlements import Entitlements, Feature, check, decide, require
from apps.plans.products import ModelAccess
from apps.plans.storage import used_bytes
from apps.plans.tiers import GpuTier
from apps.workflows.documents import refusal
from apps.workflows.finding import TenantFinder
from gpu_tasks.nodes.checking import CheckedGraph, check_graph
from gpu_tasks.nodes.graph import Graph
from gpu_tasks.nodes.problems import InvalidGraph
from gpu_tasks.nodes.values import ModelFacts, Outline

# What a picture takes at most: PNGs of noise take as much, those of most pictures half.
BYTES_A_PIXEL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A graph that may run: on which tier, with which models, and what its generations equal.

    `generations` are by node, in the order in which they are computed; `model` is the first's, or
    one that stands in where no model is asked.
    """

    checked: CheckedGraph
    has: Entitlements
    tier: GpuTier
    model: GenerationModel
    finder: TenantFinder
    generations: Mapping[str, Order]


def check_workflow(*, user: User, graph: Graph) -> tuple[CheckedGraph, TenantFinder]:
    """Check a graph with what `user` has.

    Raises:
        Invalid: it cannot run; each node with what is wrong.
    """
    finder = TenantFinder(user_id=user.id, graph=graph)
    return _check(graph, finder), finder


def admit_workflow(*, user: User, graph: Graph) -> Admitted:
    """Return what a graph needs, if it may run for `user`.

    Raises:
        Invalid: it cannot run; each node with what is wrong.
        Forbidden: the plan is paused, has no node editor, lacks a model or has no storage left; or
            the licence of a model does not allow it; or a prompt has a blocked phrase. Where it is
            one of a node, `node` says which.
    """
    has = require(user_id=user.id, feature=Feature.GENERATION)
    check(decide(has, feature=Feature.NODE_EDITOR))
    checked, finder = check_workflow(user=user, graph=graph)
    _check_models(has, checked, finder)
    generations = _generations(checked, finder)
    more = max(sum(outline.pixels for outline in checked.kept) * BYTES_A_PIXEL, 1)
    check(decide(has, feature=Feature.STORAGE, used_bytes=used_bytes(user_id=user.id) + more))
    named = [finder.models[key] for key in sorted(checked.models)]
    main = [model for model in named if model.kind == ModelKind.MAIN]
    made_with = [order.model for order in generations.values()]
    return Admitted(
        checked=checked,
        has=has,
        tier=_tier(main, at_least=has.plan.gpu_tier),
        model=[*made_with, *main][0] if main else _stand_in(user, has),
        finder=finder,
        generations=generations,
    )


def admit_again(admitted: Admitted, graph: Graph) -> Admitted:
    """Return what the admitted graph needs with other seeds.

    Raises:
        Invalid, Forbidden: with these it may not run, as `admit_workflow`.
    """
    checked = _check(graph, admitted.finder)
    generations = _generations(checked, admitted.finder)
    return replace(admitted, checked=checked, generations=generations)


def sketch_of(admitted: Admitted) -> GenerationParameters:
    """Return the plain generation by which lists and receipts show a workflow."""
    pictures = _most_pictures(admitted.checked)
    orders = list(admitted.generations.values())
    if not orders:
        name = admitted.checked.graph.name or gettext("Workflow")
        blank = complete_parameters(model=admitted.model, prompt=name, seed=0, steps=1)
        return replace(blank, num_images=pictures)
    shown = orders[0].parameters
    return GenerationParameters(
        prompt=shown.prompt,
        negative_prompt=shown.negative_prompt,
        width=shown.width,
        height=shown.height,
        steps=shown.steps,
        guidance_scale=shown.guidance_scale,
        scheduler=shown.scheduler,
        seed=shown.seed,
        num_images=pictures,
    )


def _most_pictures(checked: CheckedGraph) -> int:
    """Return how many pictures a run keeps at most."""
    return sum(
        value.count
        for node in checked.running
        # What shows pictures hands them on; what keeps them does not.
        if node.node.is_output and not node.node.outputs
        for value in node.values.values()
        if isinstance(value, Outline)
    )


def _check(graph: Graph, finder: TenantFinder) -> CheckedGraph:
    try:
        return check_graph(graph, finder)
    except InvalidGraph as error:
        raise refusal(error.problems) from error


def _generations(checked: CheckedGraph, finder: TenantFinder) -> dict[str, Order]:
    """Return what each diffusion node equals; refused are those with blocked phrases."""
    generations = {
        node.id: _order(node.cost.generation, finder)
        for node in checked.computing
        if node.cost.generation is not None
    }
    for node, order in generations.items():
        with _naming(node):
            check_words([order.parameters])
    return generations


def _check_models(has: Entitlements, checked: CheckedGraph, finder: TenantFinder) -> None:
    for node in checked.nodes.values():
        named = (value for value in node.values.values() if isinstance(value, ModelFacts))
        with _naming(node.id):
            for facts in named:
                _check_use(has, finder.models[facts.key])


def _stand_in(user: User, has: Entitlements) -> GenerationModel:
    """Return a model by which a graph is shown that asks none: one that may be used, if any may.

    Raises:
        Invalid: there is no model at all.
    """
    models = list(list_local_models(user=user))
    if not models:
        raise Invalid(
            fields={"model": [gettext("There is no such model; GET /api/v1/models lists all.")]}
        )
    return next((model for model in models if _may_use(has, model)), models[0])


def _may_use(has: Entitlements, model: GenerationModel) -> bool:
    try:
        _check_use(has, model)
    except Forbidden:
        return False
    return True


def _check_use(has: Entitlements, model: GenerationModel) -> None:
    check(decide(has, feature=Feature.MODEL, access=ModelAccess(model.access)))
    check_licence(model)


def _order(settings: Mapping[str, Any], finder: TenantFinder) -> Order:
    return Order(
        model=finder.models[settings["model"]],
        parameters=finder.parameters_of(settings),
        add_ons=finder.models,
    )


def _tier(models: list[GenerationModel], *, at_least: GpuTier) -> GpuTier:
    tier = at_least
    for model in models:
        tier = tier_for(model.base, at_least=tier)
    return tier


@contextmanager
def _naming(node: str) -> Iterator[None]:
    try:
        yield
    except Forbidden as error:
        error.numbers["node"] = node
        raise
