"""The one list of spans: what a trace shows, and what it may say about it.

A span says where time went, never for whom: no prompt, no address, no e-mail. What is not
listed here cannot be said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Attribute = str | int | bool


class UnknownSpanError(Exception):
    """A span, or something said of one, that the list does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanKind:
    """A kind of span; `parent` is the one it lies below."""

    help: str
    parent: str | None = None
    attributes: frozenset[str] = frozenset()


SPANS: Final[Mapping[str, SpanKind]] = {
    "request": SpanKind(
        help="A request, from the first middleware to its answer.",
        attributes=frozenset({"http.route", "http.request.method", "http.response.status_code"}),
    ),
    "accept": SpanKind(
        help="Jobs are asked for: entitlements, quote, hold, rows.",
        parent="request",
        attributes=frozenset({"easel.jobs", "easel.tier", "easel.model"}),
    ),
    "quote": SpanKind(help="What the jobs will cost.", parent="accept"),
    "hold": SpanKind(help="Their credits are held.", parent="accept"),
    "wake": SpanKind(
        help="A wake-up is sent to the broker.",
        parent="accept",
        attributes=frozenset({"easel.tier", "easel.job_id"}),
    ),
    "attempt": SpanKind(
        help="A worker has a job, from its claim to its end.",
        parent="accept",
        attributes=frozenset({"easel.tier", "easel.model", "easel.job_id", "easel.attempt"}),
    ),
    "claim": SpanKind(help="The job is chosen and taken.", parent="attempt"),
    "load": SpanKind(help="Its model is loaded, if it is not there.", parent="attempt"),
    "denoise": SpanKind(help="The steps.", parent="attempt"),
    "decode": SpanKind(help="Latents become pictures.", parent="attempt"),
    "store": SpanKind(
        help="Pictures are written to the store.",
        parent="attempt",
        attributes=frozenset({"easel.pictures"}),
    ),
    "settle": SpanKind(help="Pictures, charge and state, in one transaction.", parent="attempt"),
}


def check_span(name: str, attributes: Mapping[str, Attribute]) -> None:
    """Do nothing if the list has a span with these attributes.

    Raises:
        UnknownSpanError: it has not.
    """
    kind = SPANS.get(name)
    if kind is None or not attributes.keys() <= kind.attributes:
        raise UnknownSpanError(f"The list of spans has no {name!r} with {sorted(attributes)}.")
