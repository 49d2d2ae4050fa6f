"""Traces: one from the request by the queue to the worker, and nothing personal in it."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.test import Client

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.observability import tracing
from apps.core.observability.processes import Role
from apps.core.observability.spans import SPANS, UnknownSpanError
from apps.core.observability.trace_context import (
    add_trace_id,
    current_traceparent,
    trace_id_of,
)
from apps.core.observability.tracing import continued, span, start_span
from apps.generation.models import Job, JobState
from apps.plans.tiers import TIER_BY_QUEUE
from tests.database import session_database_url
from tests.observability.collector import Collector
from tests.stack import Stack, wait_until

PROMPT = "a lighthouse that nobody else may hear of"


@pytest.fixture
def recording(settings: Any) -> Iterator[Collector]:
    """Record every trace of this process at a collector."""
    with Collector() as collector:
        settings.EASEL_OTLP_ENDPOINT = collector.endpoint
        settings.EASEL_TRACE_SAMPLE_RATIO = 1.0
        tracing.start_tracing(Role.WEB)
        yield collector
        tracing.stop_tracing()


def test_without_a_collector_a_trace_is_an_id_that_lines_of_the_log_share() -> None:
    assert current_traceparent() is None
    with span("request", parent=None) as request:
        assert not request.is_recorded
        with span("accept") as accept:
            assert trace_id_of(accept.traceparent) == trace_id_of(request.traceparent)
        line = add_trace_id(None, "info", {"event": "job_accepted"})
    assert line["trace_id"] == trace_id_of(request.traceparent)
    assert len(line["trace_id"]) == 32
    assert add_trace_id(None, "info", {"event": "later"}) == {"event": "later"}


def test_nothing_that_records_or_sends_is_loaded_without_a_collector() -> None:
    # The client of Redis loads OpenTelemetry's metrics wherever they are installed.
    code = (
        "import sys, config.asgi;"
        "heavy = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'google.protobuf');"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip().splitlines()[-1] == "[]"


def test_only_what_is_listed_can_be_said(recording: Collector) -> None:
    with pytest.raises(UnknownSpanError), span("checkout"):
        pass
    with pytest.raises(UnknownSpanError), span("accept", {"easel.prompt": PROMPT}):
        pass
    with span("request", parent=None) as request, pytest.raises(UnknownSpanError):
        request.describe({"url.full": "https://easel.example/?q=secret"})
    assert all("prompt" not in name for kind in SPANS.values() for name in kind.attributes)


def test_of_an_error_only_the_type_is_told(recording: Collector) -> None:
    with pytest.raises(ValueError, match="lighthouse"), span("request", parent=None):
        raise ValueError(PROMPT)
    tracing.flush_traces()

    (failed,) = recording.named("request")
    assert (failed.is_error, failed.error) == (True, "ValueError")
    assert PROMPT.encode() not in b"".join(recording.bodies)


def test_another_thread_or_process_goes_on_by_the_text_alone(recording: Collector) -> None:
    request = start_span("request", parent=None)
    with continued(request.traceparent), span("accept"):
        pass
    request.end()
    tracing.flush_traces()

    (parent,), (child,) = recording.named("request"), recording.named("accept")
    assert (child.trace_id, child.parent_id) == (parent.trace_id, parent.span_id)
    assert parent.parent_id == ""


@pytest.mark.parametrize("damaged", ["", "00-zz-1-01", "01" * 40])
def test_a_place_that_cannot_be_read_begins_a_trace(recording: Collector, damaged: str) -> None:
    with span("request", parent=damaged):
        pass
    tracing.flush_traces()

    assert recording.named("request")[0].parent_id == ""


@pytest.mark.django_db
def test_a_request_is_told_by_its_route_and_cannot_ask_to_be_traced(
    recording: Collector, client: Client
) -> None:
    foreign = f"00-{'a' * 32}-{'b' * 16}-01"
    client.get("/api/v1/images/secret-name", headers={"traceparent": foreign})
    client.get("/healthz")
    tracing.flush_traces()

    (request,) = recording.named("request")
    assert request.trace_id != "a" * 32
    assert request.attributes["http.request.method"] == "GET"
    assert request.attributes["http.response.status_code"] in {401, 404}
    assert b"secret-name" not in b"".join(recording.bodies)


@pytest.mark.django_db
def test_a_sample_of_none_sends_nothing(settings: Any, client: Client) -> None:
    with Collector() as collector:
        settings.EASEL_OTLP_ENDPOINT = collector.endpoint
        settings.EASEL_TRACE_SAMPLE_RATIO = 0.0
        tracing.start_tracing(Role.WEB)
        client.get("/api/v1/app/version")
        tracing.stop_tracing()

        assert collector.spans == []


def signed_in(stack: Stack, user: User) -> requests.Session:
    """Return a session of `user` at the web process, begun here on the same database."""
    client = Client()
    client.force_login(user)
    session = requests.Session()
    session.cookies["sessionid"] = client.cookies["sessionid"].value
    session.get(f"{stack.url}/accounts/sign-in/", timeout=60)
    session.get(f"{stack.url}/", timeout=60)
    return session


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.django_db(transaction=True)
def test_a_picture_is_one_trace_from_the_request_to_the_worker(
    user: User, starter: GenerationModel
) -> None:
    with (
        Collector() as collector,
        Stack(
            {
                "EASEL_DATABASE_URL": session_database_url(),
                "EASEL_OTLP_ENDPOINT": collector.endpoint,
                "EASEL_TRACE_SAMPLE_RATIO": "1",
                "EASEL_LOG_FORMAT": "json",
            }
        ) as stack,
    ):
        stack.start_web()
        stack.start_worker(queues=",".join(TIER_BY_QUEUE))
        session = signed_in(stack, user)
        answer = session.post(
            f"{stack.url}/api/v1/generations",
            json={"prompt": PROMPT, "steps": 2, "width": 64, "height": 64},
            headers={
                "X-CSRFToken": session.cookies["csrftoken"],
                "Idempotency-Key": str(uuid.uuid4()),
            },
            timeout=60,
        )
        assert answer.status_code in {201, 202}, answer.text
        job = Job.objects.get()
        wait_until(
            lambda: Job.objects.get().state == JobState.SUCCEEDED, seconds=120, what="the picture"
        )
        collector.wait_for(*SPANS)
        web_log, worker_log = stack.log("web"), stack.log("worker")

    assert job.traceparent is not None
    trace_id = trace_id_of(job.traceparent)
    trace = [one for one in collector.spans if one.trace_id == trace_id]
    by_id = {one.span_id: one for one in trace}
    found = {
        one.name: by_id[one.parent_id].name if one.parent_id in by_id else None for one in trace
    }
    assert found == {name: kind.parent for name, kind in SPANS.items()}
    services = {one.name: one.service for one in trace}
    assert {services[name] for name in ("request", "accept", "quote", "hold", "wake")} == {
        "easel-web"
    }
    assert services["attempt"] == services["denoise"] == services["settle"] == "easel-worker"
    (attempt,) = [one for one in trace if one.name == "attempt"]
    assert attempt.attributes["easel.job_id"] == str(job.id)
    (denoise,), (decode,) = (
        [one for one in trace if one.name == name] for name in ("denoise", "decode")
    )
    assert attempt.start_ns <= denoise.start_ns < denoise.end_ns <= decode.end_ns <= attempt.end_ns

    # The lines of the log say the same id, on both sides of the queue.
    assert f'"trace_id": "{trace_id}"' in next(
        x for x in web_log.splitlines() if "job_accepted" in x
    )
    assert trace_id in next(x for x in worker_log.splitlines() if "job_finished" in x)
    sent = b"".join(collector.bodies)
    for secret in (PROMPT, user.email, "127.0.0.1"):
        assert secret.encode() not in sent
