from typing import Any

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpResponse

from apps.core.tenancy import tenant_scope


class SignInView(LoginView):
    """Sign in with e-mail and password; where a provider is configured it takes this place."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        with tenant_scope(form.get_user().pk):
            return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(demo_sign_in=settings.EASEL_DEMO_SIGN_IN, **kwargs)
