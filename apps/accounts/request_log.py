"""The log of requests, without what would let its reader in."""

import re

from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware

# The token of a link from a mail, which is good for a day, or to a board.
_TOKEN = re.compile(r"^(/accounts/(?:confirm|password/reset)/[^/]+/|/shared/)[^/]+")
_WITHOUT_QUERY = ("/accounts/", "/shared/")


class RequestLogMiddleware(RequestMiddleware):
    """Log each request; of the ways in neither tokens nor the codes of a provider."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Name method and address of `request`."""
        if not request.path.startswith(_WITHOUT_QUERY):
            return f"{request.method} {request.get_full_path()}"
        path = _TOKEN.sub(r"\1…", request.path)
        return f"{request.method} {path}"
