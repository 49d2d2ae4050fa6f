"""The log of requests, without what would let its reader in."""

from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware

from config.log_secrets import without_tokens

_WITHOUT_QUERY = ("/accounts/", "/shared/")


class RequestLogMiddleware(RequestMiddleware):
    """Log each request; of the ways in neither tokens nor the codes of a provider."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Name method and address of `request`."""
        if not request.path.startswith(_WITHOUT_QUERY):
            return f"{request.method} {request.get_full_path()}"
        return f"{request.method} {without_tokens(request.path)}"
