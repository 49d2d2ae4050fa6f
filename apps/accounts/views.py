from typing import Any

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from apps.accounts.forms import SignInForm
from apps.core.tenancy import tenant_scope


class SignInView(LoginView):
    """Sign in with e-mail and password; where a provider is configured it takes this place."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True
    authentication_form = SignInForm

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        with tenant_scope(form.get_user().pk):
            return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(demo_sign_in=settings.EASEL_DEMO_SIGN_IN, **kwargs)

    def form_invalid(self, form: SignInForm) -> HttpResponse:  # type: ignore[override]
        response = super().form_invalid(form)
        if form.retry_after:
            response.status_code = 429
            response["Retry-After"] = str(form.retry_after)
        return response


def administrator_sign_in(request: HttpRequest) -> HttpResponseRedirect:
    """Lead from the admin to the one sign-in page, and staff who come back to the admin.

    Raises:
        PermissionDenied: somebody is signed in who is no staff.
    """
    index = reverse("admin:index")
    target = request.GET.get(REDIRECT_FIELD_NAME, index)
    if not url_has_allowed_host_and_scheme(
        target, {request.get_host()}, require_https=request.is_secure()
    ):
        target = index
    if not request.user.is_authenticated:
        return redirect_to_login(target)
    if not request.user.is_staff:
        raise PermissionDenied
    return HttpResponseRedirect(target)
