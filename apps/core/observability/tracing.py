"""Traces: where the time of a picture goes, from the request by the queue to the worker.

Without `EASEL_OTLP_ENDPOINT` nothing is recorded and OpenTelemetry is not even loaded; a trace
then is the id that lines of the log share. Spans and what they say are listed in `spans.py`.
"""

import re
from collections.abc import Mapping
from contextvars import Token
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from django.conf import settings

from apps.core.observability.processes import Role
from apps.core.observability.spans import Attribute, check_span
from apps.core.observability.trace_context import (
    current_traceparent,
    enter,
    leave,
    new_traceparent,
)

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

EXPORT_SECONDS: Final = 5
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_INHERITED: Final = "inherited"

Attributes = Mapping[str, Attribute]


class _Here:
    """What this process records with, once it was said where to."""

    provider: "TracerProvider | None" = None
    tracer: "Tracer | None" = None


class Span:
    """A stretch of time in a trace; `traceparent` is what lies below it is told."""

    __slots__ = ("_name", "_real", "traceparent")

    def __init__(self, name: str, traceparent: str, real: Any) -> None:
        self._name = name
        self._real = real
        self.traceparent = traceparent

    @property
    def is_recorded(self) -> bool:
        return self._real is not None and self._real.is_recording()

    def describe(self, attributes: Attributes) -> None:
        """Say more of it.

        Raises:
            UnknownSpanError: the list has no such attribute.
        """
        check_span(self._name, attributes)
        if self._real is not None:
            self._real.set_attributes(attributes)

    def fail(self, error: type[BaseException] | None = None) -> None:
        """Mark it as failed; of an error only the type is told, since its text quotes values."""
        if self._real is None:
            return
        from opentelemetry.trace import Status, StatusCode

        self._real.set_status(Status(StatusCode.ERROR, error.__name__ if error else None))

    def end(self, *, at_ns: int | None = None) -> None:
        if self._real is not None:
            self._real.end(end_time=at_ns)


def start_span(
    name: str,
    attributes: Attributes = MappingProxyType({}),
    *,
    parent: str | None,
    start_ns: int | None = None,
) -> Span:
    """Begin a span below `parent`, or a trace without one; whoever calls ends it.

    Raises:
        UnknownSpanError: the list has none of this name with these attributes.
    """
    check_span(name, attributes)
    if _Here.tracer is None:
        return Span(name, parent or new_traceparent(), None)
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind

    kinds = {"request": SpanKind.SERVER, "wake": SpanKind.PRODUCER, "attempt": SpanKind.CONSUMER}
    real = _Here.tracer.start_span(
        name,
        context=Context() if parent is None else _context_of(parent),
        kind=kinds.get(name, SpanKind.INTERNAL),
        attributes=attributes,
        start_time=start_ns,
        record_exception=False,
        set_status_on_exception=False,
    )
    place = real.get_span_context()
    traceparent = f"00-{place.trace_id:032x}-{place.span_id:016x}-{place.trace_flags:02x}"
    return Span(name, traceparent, real)


def add_span(name: str, *, parent: str | None, start_ns: int, end_ns: int) -> None:
    """Add a span that is over; both moments are nanoseconds since 1970."""
    start_span(name, parent=parent, start_ns=start_ns).end(at_ns=end_ns)


class span:  # noqa: N801  (used as a function, in `with`)
    """Have a span for the time of the block, below the running one unless `parent` is given."""

    __slots__ = ("_attributes", "_name", "_parent", "_span", "_token")
    _span: Span
    _token: Token[str | None]

    def __init__(
        self,
        name: str,
        attributes: Attributes = MappingProxyType({}),
        *,
        parent: str | None = _INHERITED,
    ) -> None:
        self._name = name
        self._parent = parent
        self._attributes = attributes

    def __enter__(self) -> Span:
        parent = current_traceparent() if self._parent is _INHERITED else self._parent
        self._span = start_span(self._name, self._attributes, parent=parent)
        self._token = enter(self._span.traceparent)
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        leave(self._token)
        if kind is not None:
            self._span.fail(kind)
        self._span.end()


class continued:  # noqa: N801  (used as a function, in `with`)
    """Stand at a place of a trace for the time of the block, which adds no span of itself."""

    __slots__ = ("_token", "_traceparent")
    _token: Token[str | None]

    def __init__(self, traceparent: str | None) -> None:
        self._traceparent = traceparent

    def __enter__(self) -> Self:
        self._token = enter(self._traceparent)
        return self

    def __exit__(self, *_: object) -> None:
        leave(self._token)


def _context_of(traceparent: str) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return Context()
    place = SpanContext(
        int(found[1], 16),
        int(found[2], 16),
        is_remote=True,
        trace_flags=TraceFlags(int(found[3], 16)),
    )
    return set_span_in_context(NonRecordingSpan(place), Context())


def start_tracing(role: Role) -> None:
    """Record traces from now on and send them to `EASEL_OTLP_ENDPOINT`; nothing without one.

    Of all traces that begin here `EASEL_TRACE_SAMPLE_RATIO` are recorded; what was begun
    elsewhere is recorded if it was there.
    """
    endpoint = settings.EASEL_OTLP_ENDPOINT
    if not endpoint or _Here.provider is not None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(
        resource=Resource(
            {"service.name": f"easel-{role}", "service.version": settings.EASEL_VERSION}
        ),
        sampler=ParentBased(TraceIdRatioBased(settings.EASEL_TRACE_SAMPLE_RATIO)),
    )
    exporter = OTLPSpanExporter(
        endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _Here.provider, _Here.tracer = provider, provider.get_tracer("easel")


def flush_traces() -> None:
    """Send what is waiting; for a process that ends without a word to Python."""
    if _Here.provider is not None:
        _Here.provider.force_flush(EXPORT_SECONDS * 1000)


def stop_tracing() -> None:
    """Send what is waiting, and record nothing any more."""
    provider, _Here.provider, _Here.tracer = _Here.provider, None, None
    if provider is not None:
        provider.shutdown()
