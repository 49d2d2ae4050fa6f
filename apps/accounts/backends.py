"""Who a session or a password belongs to."""

import uuid
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from apps.accounts.models import User
from apps.accounts.selectors import account_by_email, user_of_session
from apps.core.tenancy import tenant_scope


class PasswordBackend(ModelBackend):
    """E-mail and password."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the user whose password this is; the form refuses the ones not yet confirmed."""
        del request, kwargs
        if username is None or password is None:
            return None
        user = account_by_email(email=username)
        if user is None:
            # As slow as the check of a password: the answer must not tell known addresses apart.
            make_password(password)
            return None
        # In the user's scope: a password of an older hasher is hashed anew.
        with tenant_scope(user.pk):
            return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: uuid.UUID) -> User | None:
        """Return the user of a session, unless it was blocked since."""
        return user_of_session(user_id=user_id)
