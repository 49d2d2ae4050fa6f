"""What holds for every request: errors in their envelope, headers, who is turned away."""

from collections.abc import Callable
from urllib.parse import unquote
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.gzip import GZipMiddleware
from django.utils import timezone

from apps.core.client_address import address_block, client_address
from apps.core.errors import RateLimited, envelope, from_exception, log_error, new_error_id
from apps.core.rate_limits import Endpoint, limit_of
from apps.core.throttles import refused_addresses

API_PREFIX = "/api/"
# `static/js/boot.js` sets it.
TIME_ZONE_COOKIE = "easel_time_zone"
_KNOWN_ZONES = frozenset(available_timezones())
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "browsing-topics", "camera", "display-capture", "geolocation"),
        *("gyroscope", "hid", "magnetometer", "microphone", "midi", "payment", "serial", "usb"),
    )
)


class ErrorEnvelopeMiddleware:
    """Answer exceptions raised below `/api/` outside of an API view with the envelope."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not request.path.startswith(API_PREFIX):
            return None
        error = from_exception(exception)
        error_id = new_error_id()
        log_error(error, exception, error_id=error_id)
        return JsonResponse(envelope(error, error_id=error_id), status=error.status)


class PermissionsPolicyMiddleware:
    """Say on every answer that our pages use no device and no tracking of the browser."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response


class TimeZoneMiddleware:
    """Write the times of pages in the time zone of the browser, but for `EASEL_UTC_PATHS`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        name = unquote(request.COOKIES.get(TIME_ZONE_COOKIE, ""))
        if name not in _KNOWN_ZONES or request.path.startswith(settings.EASEL_UTC_PATHS):
            return self.get_response(request)
        with timezone.override(ZoneInfo(name)):
            return self.get_response(request)


class PageCompressionMiddleware(GZipMiddleware):
    """Compress pages and the words of their scripts; files come compressed as they are.

    What a page keeps secret cannot be guessed from its length: tokens are masked anew in each
    answer, and Django adds up to 100 random bytes.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        kind = response.headers.get("Content-Type", "")
        if response.streaming or not kind.startswith(("text/html", "text/javascript")):
            return response
        return super().process_response(request, response)


class RefusedAddressMiddleware:
    """Turn away who sends one wrong key after the other, before any key is looked up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(API_PREFIX) and "HTTP_AUTHORIZATION" in request.META:
            seconds = refused_addresses.seconds_left(address_block(client_address(request)))
            if seconds:
                return _turned_away(seconds)
        return self.get_response(request)


def _turned_away(seconds: int) -> HttpResponse:
    limit = limit_of(Endpoint.REFUSED_CREDENTIALS).requests
    error = RateLimited(retry_after=seconds, limit=limit)
    error_id = new_error_id()
    log_error(error, error, error_id=error_id)
    response = JsonResponse(envelope(error, error_id=error_id), status=error.status)
    response["Retry-After"] = str(seconds)
    return response
