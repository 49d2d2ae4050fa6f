"""Metrics, for whoever scrapes them."""

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from apps.core.observability.web import figures
from apps.generation.metrics import exposition

logger = structlog.get_logger(__name__)

_LOOPBACK = frozenset({"127.0.0.1", "::1"})


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the metrics of this service, to who may see them; to others it is not there.

    Those of the fleet are counted over all users, which only the service of the admin may.
    """
    if not _may_see(request):
        raise Http404
    text = figures.exposition()
    if settings.EASEL_SERVE_ADMIN:
        try:
            text += exposition()
        except DatabaseError as error:
            # Just then somebody wants to see the rest.
            logger.warning("fleet_not_measured", error=type(error).__name__)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _may_see(request: HttpRequest) -> bool:
    token = settings.EASEL_METRICS_TOKEN
    if token:
        shown = request.headers.get("Authorization", "")
        # Two while a scraper is given a new one.
        return any(constant_time_compare(shown, f"Bearer {one}") for one in token.split(","))
    # Behind a proxy of ours everybody comes from here; so only where there is none.
    return (
        settings.EASEL_METRICS_ON_LOOPBACK
        and request.META.get("REMOTE_ADDR") in _LOOPBACK
        and "HTTP_X_FORWARDED_FOR" not in request.META
    )
