"""Sign-in with e-mail and password, where no tenant is known beforehand."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from apps.accounts.models import User
from apps.accounts.selectors import user_id_of_email
from apps.core.tenancy import tenant_scope


class EmailBackend(ModelBackend):
    """Check a password within the scope of the user whose e-mail is given."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        del kwargs
        if username is None or password is None:
            return None
        user_id = user_id_of_email(email=username)
        if user_id is None:
            # Takes the time of a check: how long an answer takes must not tell who has an account.
            User().set_password(password)
            return None
        with tenant_scope(user_id):
            return super().authenticate(request, username=username, password=password)
