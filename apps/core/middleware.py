"""Give every error of the JSON API its envelope, also where no API view was reached."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from apps.core.errors import envelope, from_exception, log_error, new_error_id

API_PREFIX = "/api/"


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
