"""The door of the studio: what visitors see, and the first steps of whoever is new."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_cookie

from apps.accounts.requests import signed_in_user
from apps.accounts.services import users
from apps.dashboard.exhibits import exhibits_in
from apps.dashboard.views import is_htmx
from apps.plans.products import PLANS_SOLD, TRIAL, TRIAL_DAYS
from apps.plans.tiers import TIERS

LANDING_SECONDS = 300
EXAMPLE = """\
POST /api/v1/generations
Authorization: Bearer ek_…

{"prompt": "%(prompt)s",
 "seed": %(seed)s}"""


@require_safe
@vary_on_cookie
def home(request: HttpRequest) -> HttpResponse:
    """Lead to where work begins, or show a visitor what this is.

    The page is the same for all visitors of a language, so caches may keep it: nothing in it is
    one visitor's own, a token against forgery included.
    """
    if request.user.is_authenticated:
        answer: HttpResponse = redirect("dashboard:create")
        patch_cache_control(answer, private=True, no_store=True)
        return answer
    large, *others = exhibits_in(get_language() or "en")
    context = {
        "large": large,
        "others": others,
        "plans": [(plan, TIERS[plan.gpu_tier].gpu) for plan in (TRIAL, *PLANS_SOLD)],
        "trial": TRIAL,
        "trial_days": TRIAL_DAYS,
        "example": EXAMPLE % {"prompt": large.prompt, "seed": large.seed},
        "provider": bool(settings.EASEL_OIDC_ISSUER),
    }
    page = render(request, "dashboard/landing.html", context)
    patch_cache_control(page, public=True, max_age=LANDING_SECONDS)
    return page


@require_POST
@never_cache
@login_required
def close_first_steps(request: HttpRequest) -> HttpResponse:
    """Show the first steps no more; htmx takes them off the page itself."""
    users.close_first_steps(user=signed_in_user(request))
    return HttpResponse() if is_htmx(request) else redirect("dashboard:create")
