"""Keyset pages: a page costs the same at any depth, and rows that come or go shift nothing."""

from rest_framework.pagination import CursorPagination


class KeysetPagination(CursorPagination):
    """Order by newest first with the key as tie-break; `next` and `previous` are opaque."""

    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 100
    ordering = ("-created_at", "-id")
