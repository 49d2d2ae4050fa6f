"""What a workflow will cost at most: the sum of its generations, and seconds of the CPU."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.accounts.models import User
from apps.credits.costs import Basis, Quote, charge_of
from apps.generation.loads import load_of
from apps.generation.orders import Order
from apps.generation.quotes import (
    BindingQuote,
    expired_quote,
    quote_orders,
    read_quote,
    sign_quote,
)
from apps.plans.tiers import GpuTier
from gpu_tasks.nodes.checking import CheckedGraph
from gpu_tasks.nodes.graph import Graph

_SALT = "easel.workflow-quote"
_VAGUEST_FIRST = (Basis.PLANNED, Basis.SCALED, Basis.MEASURED)


@dataclass(frozen=True, slots=True)
class WorkflowQuote:
    """A binding quote, and the seconds that each node is expected to take."""

    offer: BindingQuote
    nodes: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Promise:
    """What a token holds us to: `credits` for this `work` (see `work_digest`).

    It is that of the graph with the seeds that `chance` draws.
    """

    chance: str
    work: str
    credits: int


def graph_digest(graph: Graph) -> str:
    """Return a digest of what a graph does: places, labels and names do not matter."""
    nodes = sorted(
        (node.id, node.type, node.version, dict(node.inputs)) for node in graph.nodes.values()
    )
    edges = sorted((edge.source, edge.output, edge.target, edge.input) for edge in graph.edges)
    canonical = json.dumps([nodes, edges], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def work_digest(*, checked: CheckedGraph, generations: Mapping[str, Order], tier: GpuTier) -> str:
    """Return a digest of all that decides what a run costs and keeps, as in `quote_workflow`."""
    loads = {
        node: (order.model.key, load_of(order.parameters, base=order.model.base))
        for node, order in generations.items()
    }
    works = [(node.id, node.cost.seconds, loads.get(node.id)) for node in checked.computing]
    return hashlib.sha256(repr((str(tier), works, checked.kept)).encode()).hexdigest()


def quote_workflow(
    *,
    user: User,
    asked: Graph,
    chance: str,
    checked: CheckedGraph,
    generations: Mapping[str, Order],
    tier: GpuTier,
) -> WorkflowQuote:
    """Quote a checked graph on `tier`; `generations` are what its diffusion nodes equal.

    It was `asked` for with seeds left to chance, and these were drawn by `chance`.
    """
    quotes = quote_orders(user=user, orders=list(generations.values()), at_least=tier)
    # Of nodes that make the same, the first takes the time.
    nodes = dict.fromkeys((node.id for node in checked.running), 0.0)
    nodes |= {node.id: node.cost.seconds for node in checked.computing}
    for node, quote in zip(generations, quotes, strict=True):
        nodes[node] += quote.seconds
    total = Quote(
        credits=max(sum(quote.credits for quote in quotes) + charge_of(checked.seconds), 1),
        seconds=sum(nodes.values()),
        basis=_vaguest(quotes),
    )
    work = work_digest(checked=checked, generations=generations, tier=tier)
    token = sign_quote([_subject(user.id, asked), chance, work, total.credits], kind=_SALT)
    return WorkflowQuote(offer=BindingQuote(quote=total, token=token), nodes=nodes)


def read_token(token: str, *, user: User, asked: Graph) -> Promise:
    """Return what was promised under a token.

    Raises:
        Conflict: it is too old, or was for something else; ask for a new quote.
    """
    subject, chance, work, credits = read_quote(token, kind=_SALT)
    if subject != _subject(user.id, asked):
        raise expired_quote()
    return Promise(chance=chance, work=work, credits=credits)


def _vaguest(quotes: Sequence[Quote]) -> Basis:
    found = {quote.basis for quote in quotes}
    return next((basis for basis in _VAGUEST_FIRST if basis in found), Basis.PLANNED)


def _subject(user_id: uuid.UUID, graph: Graph) -> list[str]:
    return [str(user_id), graph_digest(graph)]
