from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import ngettext

from apps.accounts.attempts import begin_attempt
from apps.core.client_address import UNKNOWN, client_address


class SignInForm(AuthenticationForm):
    """E-mail and password; `retry_after` is set when there were too many failures."""

    retry_after = 0

    def clean(self) -> dict[str, Any]:
        """Check the password, unless this e-mail or address has to wait.

        Raises:
            ValidationError: the two do not belong together, or there were too many tries.
        """
        if not (self.cleaned_data.get("username") and self.cleaned_data.get("password")):
            return super().clean()
        attempt = begin_attempt(
            email=self.cleaned_data["username"],
            address=client_address(self.request) if self.request else UNKNOWN,
        )
        if attempt.retry_after:
            self.retry_after = attempt.retry_after
            raise ValidationError(too_many_attempts(attempt.retry_after), code="rate_limited")
        cleaned = super().clean()
        attempt.forgive()
        return cleaned


def too_many_attempts(seconds: int) -> str:
    """Say in how many minutes to try again."""
    minutes = -(-seconds // 60)
    return ngettext(
        "Too many attempts to sign in. Please try again in %(minutes)d minute.",
        "Too many attempts to sign in. Please try again in %(minutes)d minutes.",
        minutes,
    ) % {"minutes": minutes}
