"""The page of one's own queue: see it, reorder it, pause it, tidy it up."""

import uuid
from collections.abc import Callable, Mapping
from functools import partial

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.models import User
from apps.accounts.requests import signed_in_user
from apps.core.errors import EaselError, NotFound
from apps.dashboard.queue_selectors import queue_page
from apps.dashboard.views import is_htmx, page
from apps.generation.services import queue as services
from apps.generation.services.jobs import cancel_job

_ON_QUEUE: Mapping[str, Callable[..., object]] = {
    "pause": services.pause_queue,
    "resume": services.resume_queue,
    "clear": services.clear_queue,
    "prune": services.prune_queue,
}
_ON_JOB: Mapping[str, Callable[..., object]] = {
    "front": services.move_to_front,
    "cancel": cancel_job,
    "retry": services.retry_job,
    "vary": partial(services.retry_job, new_seed=True),
}


@page
def queue(request: HttpRequest) -> HttpResponse:
    """Show the queue; to htmx its inside alone."""
    return _shown(request, signed_in_user(request))


@require_POST
@login_required
def act(request: HttpRequest) -> HttpResponse:
    """Do to the whole queue what the button says."""
    action = _ON_QUEUE.get(request.POST.get("act", ""))
    if action is None:
        raise Http404
    user = signed_in_user(request)
    return _done(request, user, partial(action, user=user))


@require_POST
@login_required
def act_on_job(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Do to one job what the button says."""
    user = signed_in_user(request)
    name = request.POST.get("act", "")
    action: Callable[..., object]
    if name == "up":
        action = partial(services.move_beside, other_id=_before(request), after=False)
    elif name in _ON_JOB:
        action = _ON_JOB[name]
    else:
        raise Http404
    return _done(request, user, partial(action, user=user, job_id=job_id))


def _before(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("before", ""))
    except ValueError as error:
        raise Http404 from error


def _done(request: HttpRequest, user: User, action: Callable[[], object]) -> HttpResponse:
    try:
        action()
    except NotFound as error:
        raise Http404 from error
    except EaselError as error:
        return _shown(request, user, refusal=str(error.detail))
    return _shown(request, user) if is_htmx(request) else redirect("dashboard:queue")


def _shown(request: HttpRequest, user: User, *, refusal: str = "") -> HttpResponse:
    template = "dashboard/partials/queue.html" if is_htmx(request) else "dashboard/queue.html"
    context = {"section": "queue", "page": queue_page(user=user), "refusal": refusal}
    return render(request, template, context)
