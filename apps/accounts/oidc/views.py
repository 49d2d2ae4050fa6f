"""The way to the provider and back."""

from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.generic import View
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView

from apps.accounts.errors import ProviderUnavailable, SignInIncomplete
from apps.accounts.oidc.provider import current_provider, provider_setting
from apps.core.errors import EaselError, log_error, new_error_id
from apps.core.tenancy import tenant_scope

# Rights that the provider takes away are gone here at the next sign-in: for staff, soon.
STAFF_SESSION_SECONDS = 8 * 3600


@method_decorator(never_cache, name="dispatch")
class ProviderMixin(View):
    """A step of the sign-in; what goes wrong is answered by a page that says what to do."""

    get_settings = staticmethod(provider_setting)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.EASEL_OIDC_ISSUER:
            raise Http404
        try:
            return super().dispatch(request, *args, **kwargs)
        except SuspiciousOperation as error:
            return _trouble(request, SignInIncomplete(), error)
        except EaselError as error:
            return _trouble(request, error, error)


def _trouble(request: HttpRequest, error: EaselError, cause: Exception) -> HttpResponse:
    error_id = new_error_id()
    log_error(error, cause, error_id=error_id)
    context = {"detail": error.detail, "status": error.status, "error_id": error_id}
    response = render(request, "accounts/sign_in_trouble.html", context, status=error.status)
    if isinstance(error, ProviderUnavailable):
        response["Retry-After"] = "60"
    return response


class ProviderStartView(ProviderMixin, OIDCAuthenticationRequestView):  # type: ignore[misc]
    """Send the browser to the provider, with state, nonce and a PKCE challenge."""

    def __init__(self, **kwargs: Any) -> None:
        # Not the parent's: it asks for the provider's address before errors are caught.
        View.__init__(self, **kwargs)
        self.OIDC_RP_CLIENT_ID = settings.EASEL_OIDC_CLIENT_ID

    @property
    def OIDC_OP_AUTH_ENDPOINT(self) -> str:  # noqa: N802
        return current_provider().authorization_endpoint


class ProviderCallbackView(ProviderMixin, OIDCAuthenticationCallbackView):  # type: ignore[misc]
    """Take the browser back from the provider and begin a session."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if "error" in request.GET:
            return self._not_finished(request)
        response: HttpResponse = super().get(request)
        return response

    def _not_finished(self, request: HttpRequest) -> HttpResponse:
        """Answer what the provider calls an error; whoever is signed in stays so."""
        states = request.session.get("oidc_states", {})
        if states.pop(request.GET.get("state"), None) is None:
            raise SignInIncomplete
        request.session.modified = True
        if request.GET["error"] in {"server_error", "temporarily_unavailable"}:
            raise ProviderUnavailable
        request.session["notice"] = _("You did not finish signing in.")
        return redirect("accounts:sign-in")

    def login_failure(self) -> HttpResponse:
        raise SignInIncomplete

    def login_success(self) -> HttpResponse:
        """Begin the session under a new key, also for someone who was signed in before."""
        target = self.success_url
        # Django's own login keeps the key of someone who signs in a second time.
        self.request.session.cycle_key()
        with tenant_scope(self.user.pk):
            login(self.request, self.user)
        if self.user.is_staff:
            self.request.session.set_expiry(STAFF_SESSION_SECONDS)
        return HttpResponseRedirect(target)
