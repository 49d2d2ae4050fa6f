"""Keyset pages: a page costs the same at any depth, and rows that come or go shift nothing."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class KeysetPagination(CursorPagination):
    """Order by newest first with the key as tie-break; `next` and `previous` are opaque."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 100
    ordering = ("-created_at", "-id")

    def get_page_size(self, request: Request) -> int:
        """Return how many rows were asked for.

        Raises:
            ValidationError: it is no number from 1 to `max_page_size`.
        """
        asked = request.query_params.get("limit")
        if asked is None:
            return self.page_size
        # Python refuses to read a number of thousands of digits.
        is_number = asked.isascii() and asked.isdigit() and len(asked) <= 4
        if not (is_number and 1 <= int(asked) <= self.max_page_size):
            raise ValidationError(
                {"limit": [_("Ask for 1 to %(most)d.") % {"most": self.max_page_size}]}
            )
        return int(asked)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"] |= {"minimum": 1, "maximum": self.max_page_size}
        return parameters
