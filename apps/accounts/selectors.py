"""Reads on users."""

import uuid

from django.db import connection


def user_id_of_email(*, email: str) -> uuid.UUID | None:
    """Return whose e-mail this is, whatever its case; asked before a tenant is known."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT easel_user_id_of_email(%s)", [email])
        found: uuid.UUID | None = cursor.fetchone()[0]
    return found
