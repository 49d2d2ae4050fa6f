"""Where Stripe tells what happened."""

import json
from typing import Any

import stripe
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.core.client_address import address_block, client_address
from apps.core.errors import EaselError
from apps.core.rate_limits import Endpoint, counter, take
from apps.plans.services.stripe_events import apply_event

logger = structlog.get_logger(__name__)

MAX_BODY_BYTES = 512 * 1024
# So old may a signed event be; Stripe signs anew each time it tells.
TOLERANCE_SECONDS = 300


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Apply an event that Stripe signed; what fails on our side Stripe tells again for days."""
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        return HttpResponse(status=413)
    event = _believed(body, request.headers.get("Stripe-Signature", ""))
    if event is None:
        return _refused(request)
    try:
        apply_event(event=event)
    except EaselError as error:
        logger.warning("stripe_event_postponed", event_id=event["id"], code=error.code)
        return HttpResponse(status=503)
    return HttpResponse(status=200)


def _believed(body: bytes, signature: str) -> dict[str, Any] | None:
    """Return the event of a body with a good signature; nothing of another is looked at."""
    secret = settings.EASEL_STRIPE_WEBHOOK_SECRET
    if not secret or not settings.STRIPE_SECRET_KEY:
        return None
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE_SECONDS)
        event = json.loads(body)
    except (stripe.SignatureVerificationError, ValueError):
        return None
    return event if _is_event(event) else None


def _is_event(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("object") == "event"
        and all(isinstance(value.get(name), str) for name in ("id", "type"))
        and isinstance(value.get("created"), int)
        and isinstance(value.get("data"), dict)
        and isinstance(value["data"].get("object"), dict)
    )


def _refused(request: HttpRequest) -> HttpResponse:
    address = address_block(client_address(request))
    verdicts = take(counter(address, Endpoint.REFUSED_CREDENTIALS))
    if verdicts is not None and not verdicts[0].allowed:
        return HttpResponse(status=429, headers={"Retry-After": str(verdicts[0].more_in)})
    logger.warning("stripe_signature_refused", address=address)
    return HttpResponse(status=400)
