"""Where to end the session at the provider."""

from urllib.parse import urlencode, urlsplit

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url

from apps.accounts.errors import ProviderUnavailable
from apps.accounts.oidc.provider import current_provider

logger = structlog.get_logger(__name__)


def provider_sign_out_address(request: HttpRequest) -> str | None:
    """Return where the browser ends its session at the provider and comes back from, if anywhere.

    Call it before the session here is over: the provider wants its ID token back. That the
    provider is away keeps nobody from signing out here.
    """
    if not settings.EASEL_OIDC_ISSUER:
        return None
    try:
        address = current_provider().end_session_endpoint
    except ProviderUnavailable as error:
        logger.warning("provider_sign_out_skipped", exc_info=error)
        return None
    if not address:
        return None
    home = request.build_absolute_uri(resolve_url(settings.LOGOUT_REDIRECT_URL or "/"))
    parameters = {"client_id": settings.EASEL_OIDC_CLIENT_ID}
    if _is_cognito(settings.EASEL_OIDC_ISSUER):
        parameters["logout_uri"] = home
    else:
        parameters["post_logout_redirect_uri"] = home
        if token := request.session.get("oidc_id_token"):
            parameters["id_token_hint"] = token
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"


def _is_cognito(issuer: str) -> bool:
    """Tell whether `issuer` is Cognito, whose sign-out takes names of its own."""
    return (urlsplit(issuer).hostname or "").startswith("cognito-idp.")
