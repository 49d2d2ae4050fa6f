"""Who may open which page of staff and do what there: the groups as a table."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.models import Act, AuditRecord
from apps.dashboard.staff_groups import STAFF_GROUPS
from apps.generation.models import DrainOrder, Job
from apps.generation.services.workers import report_worker
from tests.factories import make_job, make_sign
from tests.generation.test_content import refused_job

pytestmark = pytest.mark.django_db

# Of each page: what support, billing and operations get. Others are sent to sign in, root gets 200.
PAGES = {
    "/admin/": (200, 200, 200),
    "/admin/find/?q=owner@example.com": (302, 302, 302),
    "/admin/people/{user}/": (200, 200, 200),
    "/admin/people/{user}/sign-out/": (200, 403, 403),
    "/admin/people/{user}/block/": (200, 403, 403),
    "/admin/people/{user}/unblock/": (200, 403, 403),
    "/admin/people/{user}/pause/": (403, 200, 403),
    "/admin/people/{user}/resume/": (403, 200, 403),
    "/admin/jobs/{job}/": (200, 403, 200),
    "/admin/jobs/{job}/cancel/": (200, 403, 200),
    "/admin/jobs/{job}/requeue/": (200, 403, 200),
    "/admin/jobs/{job}/retry/": (200, 403, 200),
    "/admin/fleet/": (403, 403, 200),
    "/admin/fleet/basic/drain/": (403, 403, 200),
    "/admin/fleet/basic/resume/": (403, 403, 200),
    "/admin/books/": (200, 200, 403),
    "/admin/revenue/": (403, 200, 403),
    "/admin/quotes/": (403, 200, 403),
    "/admin/generation/job/": (200, 403, 200),
    "/admin/generation/contentappeal/": (200, 403, 403),
    "/admin/catalog/generationmodel/": (403, 403, 200),
    "/admin/catalog/modelinstall/": (403, 403, 200),
    "/admin/core/auditrecord/": (200, 200, 200),
    "/admin/credits/posting/": (200, 200, 403),
    "/admin/plans/payment/": (403, 200, 403),
}
GROUPS = ("support", "billing", "operations")


@pytest.fixture
def job(user: User, starter: GenerationModel) -> Job:
    return make_job(user, starter)


@pytest.mark.parametrize("page", PAGES)
def test_a_group_opens_what_its_work_needs(
    visitors: Callable[[str], Client], user: User, job: Job, page: str
) -> None:
    url = page.format(user=user.id, job=job.id)

    found = tuple(visitors(group).get(url).status_code for group in GROUPS)

    assert found == PAGES[page]
    assert visitors("root").get(url).status_code in (200, 302)
    for outsider in ("nobody", "user"):
        assert visitors(outsider).get(url).status_code == 302
        assert visitors(outsider).get(url)["Location"].startswith("/admin/login/")


# What is done with a reason, and the groups that may.
ACTS = {
    "/admin/people/{user}/sign-out/": {"support"},
    "/admin/people/{user}/block/": {"support"},
    "/admin/people/{user}/pause/": {"billing"},
    "/admin/jobs/{job}/cancel/": {"support", "operations"},
    "/admin/jobs/{job}/requeue/": {"support", "operations"},
    "/admin/fleet/basic/drain/": {"operations"},
}


def _state(user: User, job: Job) -> tuple[object, ...]:
    """Return all that these acts change."""
    user.refresh_from_db()
    job.refresh_from_db()
    acts = AuditRecord.objects.exclude(act__in=(Act.SERVICE_SCOPE, Act.SIGNED_IN)).count()
    generation = user.session_generation
    return user.is_active, generation, job.state, job.updated_at, DrainOrder.objects.count(), acts


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("group", ["nobody", "user", *GROUPS])
def test_who_may_not_act_changes_nothing(
    visitors: Callable[[str], Client], user: User, job: Job, act: str, group: str
) -> None:
    report_worker(sign=make_sign())
    client = visitors(group)
    before = _state(user, job)

    answer = client.post(act.format(user=user.id, job=job.id), _reason())

    if group in ACTS[act]:
        assert answer.status_code == 302
        assert _state(user, job) != before
    else:
        assert answer.status_code == (403 if group in GROUPS else 302)
        assert _state(user, job) == before


@pytest.mark.parametrize(
    "url",
    [
        "/admin/people/{nobody}/",
        "/admin/people/{nobody}/block/",
        "/admin/people/{user}/adore/",
        "/admin/jobs/{nobody}/",
        "/admin/jobs/{nobody}/cancel/",
        "/admin/jobs/{job}/pictures/{nobody}/",
    ],
)
def test_what_is_not_there_is_not_found(
    root_client: Client, user: User, job: Job, url: str
) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    session = root_client.session
    session["pictures_of"] = str(job.id)
    session.save()

    assert root_client.get(url.format(nobody=nobody, user=user.id, job=job.id)).status_code == 404


def test_a_group_without_pictures_sees_none(
    operations: Client, support: Client, user: User, starter: GenerationModel
) -> None:
    job = refused_job(user, starter)
    Job.objects.filter(id=job.id).update(compute_seconds=1, finished_at=timezone.now())

    assert operations.post(f"/admin/jobs/{job.id}/pictures/").status_code == 403
    assert support.post(f"/admin/jobs/{job.id}/pictures/").status_code == 302
    assert operations.get(f"/admin/jobs/{job.id}/pictures/{job.id}/").status_code == 403


def test_the_groups_have_just_their_permissions(db: None) -> None:
    for name, wanted in STAFF_GROUPS.items():
        found = Group.objects.get(name=name).permissions.values_list(
            "content_type__app_label", "codename"
        )
        assert {f"{app}.{codename}" for app, codename in found} == set(wanted)


def _reason() -> dict[str, str]:
    return {"key": "b1d9b5e8-6c2f-4f2e-9d8c-1e5f0f0d6a77", "reason": "the user asked for it"}
