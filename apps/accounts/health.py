"""Checks of what signing in needs, for `manage.py doctor`."""

from django.conf import settings
from django.core.mail import get_connection

from apps.accounts.oidc.provider import current_provider, signing_keys
from apps.core.health import Check, run_check


def check_sign_in() -> Check:
    """Look whether the provider tells its addresses and keys, where there is one."""

    def look() -> str:
        if not settings.EASEL_OIDC_ISSUER:
            return "with passwords of our own"
        current_provider(fresh=True)
        return f"at {settings.EASEL_OIDC_ISSUER}, {len(signing_keys(fresh=True))} keys"

    return run_check(
        "sign-in", look, advice="See EASEL_OIDC_ISSUER, and whether it can be reached."
    )


def check_mail() -> Check:
    """Look whether a mail server takes our sign-in."""

    def look() -> str:
        if settings.EASEL_MAIL_DIRECTORY:
            return f"written to {settings.EASEL_MAIL_DIRECTORY}"
        with get_connection():
            return f"sent by {settings.EMAIL_HOST}"

    return run_check("mail", look, advice="See EASEL_EMAIL_HOST and the settings beside it.")
