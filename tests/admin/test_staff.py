"""The admin: for staff, by group, at the same cost however many rows there are."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.plans.models import Subscription
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.factories import PASSWORD, make_image, make_job, make_user
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def administrator() -> Client:
    return sign_in(User.objects.create_superuser("root@example.com", PASSWORD))


def member_of(group: str) -> Client:
    user = make_user(f"{group}@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return sign_in(user)


PAGES = sorted(
    f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry
)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_the_admin_is_for_staff_alone(
    page: str, administrator: Client, browser_client: Client
) -> None:
    assert administrator.get(page).status_code == 200
    assert browser_client.get(page).status_code == 302
    assert Client().get(page).status_code == 302


@pytest.mark.parametrize("page", PAGES)
def test_a_list_costs_the_same_queries_at_any_length(
    page: str, administrator: Client, starter: GenerationModel
) -> None:
    def fill(person: User) -> None:
        make_job(person, starter)
        make_image(person)
        start_subscription(user=person, plan=PLANS["pro"])

    fill(make_user("first@example.com"))
    administrator.get(page)
    with counted_queries() as few:
        administrator.get(page)
    for number in range(10):
        fill(make_user(f"user{number}@example.com"))
    with counted_queries() as many:
        administrator.get(page)

    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("group", "page", "status"),
    [
        ("support", "/admin/accounts/user/", 200),
        ("support", "/admin/generation/job/", 200),
        ("support", "/admin/core/auditrecord/", 200),
        ("support", "/admin/plans/subscription/", 200),
        ("support", "/admin/plans/subscription/add/", 403),
        ("support", "/admin/credits/usagerecord/", 403),
        ("support", "/admin/catalog/generationmodel/", 403),
        ("billing", "/admin/plans/subscription/add/", 200),
        ("billing", "/admin/credits/usagerecord/", 200),
        ("billing", "/admin/generation/job/", 403),
        ("billing", "/admin/images/image/", 403),
    ],
)
def test_a_group_sees_what_its_work_needs(group: str, page: str, status: int) -> None:
    assert member_of(group).get(page).status_code == status


def test_support_cannot_give_rights(user: User) -> None:
    support = member_of("support")
    url = f"/admin/accounts/user/{user.id}/change/"
    form = {"email": user.email, "language": "en", "is_staff": "on", "is_superuser": "on"}

    assert support.post(url, form).status_code == 302

    user.refresh_from_db()
    assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)


def test_support_changes_no_way_in(user: User) -> None:
    url = f"/admin/accounts/user/{user.id}/change/"
    form = {"email": user.email, "name": "Ada", "language": "en", "oidc_subject": "mine"}

    assert member_of("support").post(url, form).status_code == 302

    before = (user.oidc_subject, user.email_verified, user.is_active)
    user.refresh_from_db()
    assert user.name == "Ada"
    assert (user.oidc_subject, user.email_verified, user.is_active) == before


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True}])
def test_the_accounts_of_staff_are_changed_by_superusers_alone(
    administrator: Client, rights: dict[str, bool]
) -> None:
    colleague = make_user("colleague@example.com", **rights)
    url = f"/admin/accounts/user/{colleague.id}/change/"
    form = {"email": "mine@example.com", "language": "en", "is_active": "on"}
    support = member_of("support")

    assert support.get(url).status_code == 200
    assert support.post(url, form).status_code == 403
    colleague.refresh_from_db()
    assert colleague.email == "colleague@example.com"

    assert administrator.post(url, form).status_code == 302
    colleague.refresh_from_db()
    assert colleague.email == "mine@example.com"


def test_billing_puts_a_user_on_a_plan(user: User) -> None:
    form = {
        "user": str(user.id),
        "plan": "pro",
        "source": "manual",
        "valid_from_0": "2026-01-01",
        "valid_from_1": "00:00:00",
    }

    assert member_of("billing").post("/admin/plans/subscription/add/", form).status_code == 302

    assert Subscription.objects.exclude(plan="trial").get().plan == "pro"
