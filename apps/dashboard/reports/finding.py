"""Where the search in the head of the admin leads: to the one thing that has that name."""

import uuid
from urllib.parse import urlencode

from django.urls import reverse

from apps.accounts.models import User
from apps.generation.models import Job
from apps.images.models import Image

_ERROR_ID = 32


def place_of(asked: str, *, staff: User) -> str:
    """Return the address for an id of a job, a user or a picture, an error id, or an e-mail.

    What nothing is found for leads to the list of users, which searches parts of names too.
    """
    # PostgreSQL takes no NUL.
    asked = asked.replace("\0", "").strip()
    return _by_id(asked, staff) or _by_email(asked) or _by_error(asked, staff) or _users(asked)


def _by_id(asked: str, staff: User) -> str | None:
    try:
        wanted = uuid.UUID(asked)
    except ValueError:
        return None
    if staff.has_perm("generation.view_job") and Job.objects.filter(id=wanted).exists():
        return _job(wanted)
    if User.objects.filter(id=wanted).exists():
        return _person(wanted)
    picture = Image.objects.filter(image_name=wanted).values_list("session_id", "user_id").first()
    if picture is None:
        return None
    job_id, user_id = picture
    # An upload is of no job, and a job may be gone.
    if job_id is None or not staff.has_perm("generation.view_job"):
        return _person(user_id)
    return _job(job_id) if Job.objects.filter(id=job_id).exists() else _person(user_id)


def _by_email(asked: str) -> str | None:
    found = User.objects.filter(email__iexact=asked).values_list("id", flat=True).first()
    return None if found is None else _person(found)


def _by_error(asked: str, staff: User) -> str | None:
    if not 8 <= len(asked) <= _ERROR_ID or not staff.has_perm("generation.view_job"):
        return None
    found = Job.objects.filter(error_id=asked).values_list("id", flat=True).first()
    return None if found is None else _job(found)


def _job(job_id: uuid.UUID) -> str:
    return reverse("admin:job", args=[job_id])


def _person(user_id: uuid.UUID) -> str:
    return reverse("admin:person", args=[user_id])


def _users(asked: str) -> str:
    return f"{reverse('admin:accounts_user_changelist')}?{urlencode({'q': asked})}"
