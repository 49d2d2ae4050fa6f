"""Health for load balancers, and the answers to requests that no view took."""

import sys
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.core.errors import (
    EaselError,
    ErrorCode,
    Forbidden,
    NotFound,
    ServiceFault,
    UserFault,
    envelope,
    log_error,
    new_error_id,
)
from apps.core.health import check_cache, check_database
from apps.core.middleware import API_PREFIX

SECURITY_TXT_HOLDS = timedelta(days=180)


def unknown_api_address(request: HttpRequest) -> HttpResponse:
    """Answer for every address below `/api/` that no view has."""
    return _answer(request, NotFound())


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process answers; no part is asked."""
    del request
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether the parts a request needs answer: 200, or 503 with the ones that do not."""
    del request
    checks = [check_database(), check_cache()]
    ready = all(check.ok for check in checks)
    parts = {check.name: "ok" if check.ok else "unavailable" for check in checks}
    return JsonResponse(
        {"status": "ok" if ready else "unavailable", "parts": parts}, status=200 if ready else 503
    )


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """Say where to tell of a weakness (RFC 9116); 404 where nobody is named.

    Its end moves on each day, and is always less than the year that the standard asks for.
    """
    contact = settings.EASEL_SECURITY_CONTACT
    if not contact:
        return not_found(request, Http404())
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    lines = (
        f"Contact: {contact}",
        f"Expires: {today + SECURITY_TXT_HOLDS:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: ko, en",
        f"Canonical: {settings.EASEL_PUBLIC_URL}{request.path}",
    )
    response = HttpResponse("\n".join([*lines, ""]), content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "public, max-age=86400"
    return response


def _answer(
    request: HttpRequest,
    error: EaselError,
    exception: BaseException | None = None,
    *,
    error_id: str | None = None,
) -> HttpResponse:
    if error_id is None:
        error_id = new_error_id()
        log_error(error, exception or error, error_id=error_id)
    if request.path.startswith(API_PREFIX):
        return JsonResponse(envelope(error, error_id=error_id), status=error.status)
    context = {"error_id": error_id, "detail": error.detail}
    return render(request, f"{error.status}.html", context, status=error.status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, UserFault(code=ErrorCode.MALFORMED), exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, Forbidden(), exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form or script without its CSRF token."""
    del reason
    return _answer(request, Forbidden())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, NotFound(), exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after an exception that no one handled, which is still the current one here."""
    error, error_id = ServiceFault(), new_error_id()
    log_error(error, sys.exception() or error, error_id=error_id)
    try:
        return _answer(request, error, error_id=error_id)
    except DatabaseError:  # the page shows who is signed in, and the database may be the fault
        text = f"{ServiceFault.detail}\n{error_id}\n"
        return HttpResponse(text, status=500, content_type="text/plain")
