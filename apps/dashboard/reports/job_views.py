"""The page of one job, and what staff do to it."""

import uuid

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.core.errors import NotFound
from apps.dashboard.reports.asking import ask_why, staff_with
from apps.dashboard.reports.job_page import find_job, job_page
from apps.dashboard.reports.services import (
    cancel_as_staff,
    note_pictures_seen,
    requeue_as_staff,
    retry_as_staff,
)
from apps.generation.models import ContentAppeal, Job
from apps.images.answers import file_answer
from apps.images.selectors import get_image, read_thumbnail

MAY_SEE = "generation.view_job"
MAY_CHANGE = "generation.change_job"
MAY_SEE_PICTURES = "images.view_image"
MAY_SEE_APPEALS = "generation.view_contentappeal"
THUMBNAIL = 256


@require_safe
def job(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Show a job; its pictures only once they were asked for."""
    staff = staff_with(request, MAY_SEE)
    try:
        page = job_page(job_id=job_id, staff=staff)
    except NotFound as error:
        raise Http404 from error
    context = {
        "title": _("Job"),
        "page": page,
        "may_change": staff.has_perm(MAY_CHANGE),
        "may_see_pictures": staff.has_perm(MAY_SEE_PICTURES),
        "may_give": staff.has_perm("credits.add_grant"),
        "shows_pictures": request.session.get("pictures_of") == str(job_id),
    }
    return render(request, "admin/reports/job.html", admin.site.each_context(request) | context)


@require_POST
def open_pictures(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """Put on record that staff look at the pictures of a job, and show them."""
    staff = staff_with(request, MAY_SEE_PICTURES)
    note_pictures_seen(job=_find(request, job_id), actor=staff)
    # Of one job at a time: the next one is asked for, and put on record, again.
    request.session["pictures_of"] = str(job_id)
    return redirect("admin:job", job_id)


@require_safe
def picture(request: HttpRequest, job_id: uuid.UUID, image_name: uuid.UUID) -> HttpResponse:
    """Answer a thumbnail of a job that was opened; each is on record by its address."""
    staff_with(request, MAY_SEE_PICTURES)
    if request.session.get("pictures_of") != str(job_id):
        raise PermissionDenied
    owner = _find(request, job_id).user_id
    try:
        image = get_image(user_id=owner, image_name=image_name)
        content = read_thumbnail(image=image, size=THUMBNAIL)
    except NotFound as error:
        raise Http404 from error
    if image.session_id != job_id:
        raise Http404
    return _unkept(content, name=image_name)


@require_safe
def appeal_picture(request: HttpRequest, appeal_id: uuid.UUID) -> HttpResponse:
    """Answer the picture that a refused job began with; each look is on the owner's record.

    What was refused is not kept anywhere, so there is nothing else to see.
    """
    staff = staff_with(request, MAY_SEE_PICTURES)
    staff_with(request, MAY_SEE_APPEALS)
    appeal = ContentAppeal.objects.filter(id=appeal_id).first()
    if appeal is None:
        raise Http404
    job = _find(request, appeal.job_id)
    try:
        name = uuid.UUID(str(job.settings.init_image))
        image = get_image(user_id=job.user_id, image_name=name)
        content = read_thumbnail(image=image, size=THUMBNAIL)
    except (NotFound, ValueError) as error:
        raise Http404 from error
    note_pictures_seen(job=job, actor=staff)
    return _unkept(content, name=name)


def cancel(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    staff = staff_with(request, MAY_CHANGE)
    job = _find(request, job_id)
    return ask_why(
        request,
        of=Job,
        original=job,
        title=_("Cancel this job"),
        submit=_("Cancel the job"),
        says=_(
            "A waiting job ends at once and costs nothing; a running one stops at its next step."
        ),
        act=lambda reason: cancel_as_staff(job=job, actor=staff, reason=reason),
        done=_("The job was told to stop."),
        back=reverse("admin:job", args=[job_id]),
        is_grave=True,
    )


def requeue(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    staff = staff_with(request, MAY_CHANGE)
    job = _find(request, job_id)
    return ask_why(
        request,
        of=Job,
        original=job,
        title=_("Put this job back into its queue"),
        submit=_("Put it back"),
        says=_(
            "A waiting job is woken again; a running one is taken from its worker and begins anew."
        ),
        act=lambda reason: requeue_as_staff(job=job, actor=staff, reason=reason),
        done=_("The job waits for a worker."),
        back=reverse("admin:job", args=[job_id]),
    )


def retry(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    staff = staff_with(request, MAY_CHANGE)
    key = request.POST.get("key", "")
    job = _find(request, job_id)
    return ask_why(
        request,
        of=Job,
        original=job,
        title=_("Try this job again"),
        submit=_("Try again"),
        says=_(
            "A new job with the same settings is accepted for its user, quoted as of now, and paid"
            " with the user's credits."
        ),
        act=lambda reason: messages.info(
            request,
            _("The new job is %(job)s.")
            % {"job": retry_as_staff(job=job, actor=staff, reason=reason, key=key).id},
        ),
        done=_("The job was accepted anew."),
        back=reverse("admin:job", args=[job_id]),
    )


def _unkept(content: bytes, *, name: uuid.UUID) -> HttpResponse:
    """Answer a picture that no cache may show again without a record of it."""
    answer = file_answer(content, content_type="image/webp", name=f"{name}.webp", seconds=0)
    answer["Cache-Control"] = "private, no-store"
    return answer


def _find(request: HttpRequest, job_id: uuid.UUID) -> Job:
    staff_with(request, MAY_SEE)
    try:
        return find_job(job_id=job_id)
    except NotFound as error:
        raise Http404 from error
