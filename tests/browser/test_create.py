"""The Create page, as a person works with it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.generation.models import Job
from tests.browser.studio import PHONE, Studio

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]


@pytest.mark.usefixtures("worker")
def test_the_first_picture_is_one_press_away(studio: Studio, shoot: Shoot) -> None:
    studio.open("/create/")
    shoot(studio.page, "create-first-run")
    first = studio.page.locator("#first-run button").first
    prompt = first.inner_text()

    first.click()

    studio.wait_for_picture()
    expect(studio.prompt).to_have_value(prompt)
    assert Job.objects.get().parameters["prompt"] == prompt
    studio.settle()
    shoot(studio.page, "create-result")


def test_phone(new_studio: Callable[..., Studio], transactional_user: User, shoot: Shoot) -> None:
    studio = new_studio(user=transactional_user, viewport=PHONE, has_touch=True, locale="ko-KR", color_scheme="dark")
    studio.open("/create/")
    shoot(studio.page, "create-phone")
