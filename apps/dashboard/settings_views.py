"""The page of settings: what one can change about oneself and the studio."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.accounts.requests import signed_in_user
from apps.accounts.services import users
from apps.core.audit import list_acts
from apps.dashboard.forms import ProfileForm

# The page of activity has more of them.
ACTS_SHOWN = 5


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def settings_page(request: HttpRequest) -> HttpResponse:
    """Show the settings; a POST changes the name, which a provider of sign-in has for itself."""
    user = signed_in_user(request)
    provider = bool(settings.EASEL_OIDC_ISSUER)
    is_sent = request.method == "POST" and not provider
    form = ProfileForm(request.POST if is_sent else None, initial={"name": user.name})
    if form.is_bound and form.is_valid():
        users.rename(user=user, name=form.cleaned_data["name"])
        request.session["notice"] = _("Your name is saved.")
        return redirect("dashboard:settings")
    context = {
        "section": "settings",
        "form": form,
        "provider": provider,
        "notice": request.session.pop("notice", ""),
        "acts": list_acts(user_id=user.id)[:ACTS_SHOWN],
    }
    return render(request, "dashboard/settings.html", context, status=422 if form.errors else 200)
