"""The trash: what is in it is restored or goes for good, with scripts and without."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.canvas.models import CanvasDocument
from apps.canvas.services.documents import create_document, trash_document
from apps.dashboard.trash_views import PAGE_SIZE
from apps.images.models import Image
from tests.browser.studio import PHONE, Studio
from tests.factories import make_image

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]


@pytest.fixture
def images(transactional_user: User) -> list[Image]:
    """Pictures of a user, the oldest first."""
    return [make_image(transactional_user, prompt=f"picture {n}", seed=n) for n in range(3)]


def test_what_was_thrown_away_is_taken_back_or_goes_for_good(
    studio: Studio, images: list[Image], shoot: Shoot
) -> None:
    for image in images[:2]:
        studio.open(f"/gallery/{image.image_name}/")
        studio.page.get_by_role("button", name="Delete").click()
        studio.page.wait_for_url("**/gallery/")
    studio.page.get_by_role("link", name="Trash 2").click()
    studio.settle()
    shoot(studio.page, "trash")

    restore = studio.page.get_by_role("button", name="Restore selected")
    expect(restore).to_be_disabled()
    studio.page.get_by_role("checkbox", name="picture 0").focus()
    studio.page.keyboard.press("Space")
    expect(studio.page.get_by_text("1 selected")).to_be_visible()
    shoot(studio.page, "trash-selected")
    restore.click()
    expect(studio.page.get_by_role("checkbox")).to_have_count(1)
    assert Image.objects.filter(deleted_at=None).count() == 2
    studio.page.get_by_role("button", name="Empty the trash").click()
    studio.answer("Keep")
    assert Image.objects.count() == 3
    studio.page.get_by_role("button", name="Empty the trash").click()
    studio.answer("Empty")
    expect(studio.page.get_by_role("heading", name="The trash is empty")).to_be_visible()
    assert Image.objects.count() == 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("trash-canvases", {}),
        ("trash-canvases-phone", {"viewport": PHONE, "color_scheme": "dark", "locale": "ko"}),
    ],
)
def test_a_thrown_canvas_comes_back(
    new_studio: Callable[..., Studio],
    transactional_user: User,
    images: list[Image],
    shoot: Shoot,
    name: str,
    options: dict[str, Any],
) -> None:
    Image.objects.update(deleted_at=timezone.now())
    for title in ("The sea", "A very long name of a canvas that no row has the room to show"):
        canvas = create_document(user=transactional_user, width=640, height=832, name=title)
        trash_document(user=transactional_user, document_id=canvas.id)
    studio = new_studio(user=transactional_user, **options)
    studio.open("/gallery/trash/")
    shoot(studio.page, name)
    assert studio.overflow() == 0

    back = studio.page.locator("button[name=canvas]").last
    back.click()

    expect(studio.page.locator("button[name=canvas]")).to_have_count(1)
    assert CanvasDocument.objects.get(deleted_at=None).name == "The sea"


@pytest.mark.parametrize("scripts", [True, False])
def test_a_long_trash_is_gone_through_to_its_end(
    new_studio: Callable[..., Studio], transactional_user: User, shoot: Shoot, scripts: bool
) -> None:
    for number in range(PAGE_SIZE + 1):
        make_image(transactional_user, prompt=f"picture {number}", seed=number)
    Image.objects.update(deleted_at=timezone.now())
    studio = new_studio(
        user=transactional_user, viewport=PHONE, color_scheme="dark", java_script_enabled=scripts
    )
    page = studio.page
    studio.open("/gallery/trash/")
    marks = page.get_by_role("checkbox")
    expect(marks).to_have_count(PAGE_SIZE)
    marks.first.check()
    shoot(page, f"trash-phone-{'scripts' if scripts else 'plain'}")

    page.get_by_role("link", name="More pictures").click()
    expect(marks).to_have_count(PAGE_SIZE + 1 if scripts else 1)
    marks.last.check()
    assert studio.overflow() == 0
    delete = page.get_by_role("button", name="Delete selected for good")
    delete.click()
    if scripts:
        studio.answer("Keep")
        assert Image.objects.count() == PAGE_SIZE + 1
        delete.click()
        studio.answer("Delete")

    left = PAGE_SIZE - 1 if scripts else PAGE_SIZE
    expect(marks).to_have_count(left)
    assert Image.objects.count() == left
    page.get_by_role("button", name="Restore all").click()
    expect(page.get_by_role("heading", name="The trash is empty")).to_be_visible()
    assert Image.objects.filter(deleted_at=None).count() == left
