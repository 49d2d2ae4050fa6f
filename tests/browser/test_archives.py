"""Many pictures as one zip in the browser: asked for, watched, fetched, and taken up again."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Download, Locator, Page, expect

from apps.accounts.models import User
from apps.boards.services import create_board, move_images
from apps.images.archive_serializers import archive_url
from apps.images.models import Archive, ArchiveStatus, Image
from apps.images.services.archive_making import claim_next_archive, make_archives
from apps.images.services.archives import ARCHIVE_KEPT, MOST_KEPT, request_archive
from apps.images.signals import archive_changed
from tests.browser.studio import PHONE, Studio
from tests.factories import make_image

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
DOWNLOAD = "async (request) => (await import('/static/js/archives.js')).downloadArchive(request)"
# Encoded anew, it is made in the background however few pictures there are.
LARGE = {"board": "all", "format": "webp"}


@pytest.fixture
def images(transactional_user: User) -> list[Image]:
    return [make_image(transactional_user, prompt=f"빨간 원 {n}") for n in range(3)]


def messages(studio: Studio) -> Locator:
    return studio.page.locator(".toast")


def button(studio: Studio, name: str) -> Locator:
    return messages(studio).get_by_role("button", name=name, exact=True)


def pictures_in(download: Download) -> int:
    path = download.path()
    with zipfile.ZipFile(path) as archive:
        return len([name for name in archive.namelist() if name != "pictures.json"])


def be_still(studio: Studio) -> None:
    """Wait until nothing moves any more."""
    studio.page.evaluate(
        "() => Promise.allSettled(document.getAnimations()"
        ".filter((a) => a.effect.getComputedTiming().iterations < 99).map((a) => a.finished))"
    )


def tell(archive: Archive, **facts: object) -> None:
    """Let an archive be so far, and tell its user."""
    for name, value in facts.items():
        setattr(archive, name, value)
    archive.save()
    archive_changed.send(Archive, archive=archive)


def claim() -> Archive:
    archive = claim_next_archive()
    assert archive is not None
    return archive


def test_a_few_pictures_are_downloaded_at_once(studio: Studio, images: list[Image]) -> None:
    studio.open("/gallery/")
    names = [str(image.image_name) for image in images[:2]]

    with studio.page.expect_download() as download:
        studio.page.evaluate(DOWNLOAD, {"images": names})

    assert pictures_in(download.value) == 2
    assert download.value.suggested_filename.endswith(", 2 pictures.zip")
    expect(messages(studio)).to_have_count(0)


def test_the_gallery_downloads_what_is_selected_and_whole_boards(
    studio: Studio, transactional_user: User, images: list[Image], shoot: Shoot
) -> None:
    board = create_board(user=transactional_user, name="Seas")
    move_images(user=transactional_user, names=[images[0].image_name], board_id=board.id)
    page = studio.page
    studio.open("/gallery/")
    for tile in studio.tiles.all()[:2]:
        tile.click(modifiers=["ControlOrMeta"])
    with page.expect_download() as selection:
        page.locator("#selection").get_by_role("button", name="Download").click()
        page.get_by_role("menuitem", name="PNG (as stored)").click()

    page.get_by_role("button", name="Menu of Seas").click()
    page.get_by_role("menuitem", name="Download all").click()
    shoot(page, "gallery-download-menu")
    with page.expect_download() as whole_board:
        page.keyboard.press("Enter")
    page.get_by_role("button", name="Menu of Seas").click()
    page.get_by_role("menuitem", name="Download all").click()
    page.get_by_role("menuitem", name="JPEG").click()
    expect(messages(studio)).to_contain_text("Waiting to be packed1 picture")

    assert (pictures_in(selection.value), pictures_in(whole_board.value)) == (2, 1)
    assert Archive.objects.get(status=ArchiveStatus.WAITING).export_format == "jpeg"


def test_many_are_packed_first_and_their_number_is_seen_to_grow(
    studio: Studio, images: list[Image], shoot: Shoot
) -> None:
    studio.open("/gallery/")
    studio.page.evaluate(DOWNLOAD, LARGE)
    expect(messages(studio)).to_contain_text("Waiting to be packed3 pictures")
    bar = messages(studio).get_by_role("progressbar")
    assert bar.get_attribute("value") is None
    archive = claim()

    tell(archive, done=2)

    expect(messages(studio)).to_contain_text("Packing pictures2 of 3")
    expect(bar).to_have_attribute("value", "2")
    be_still(studio)
    shoot(studio.page, "archive-desktop-light")
    Archive.objects.update(status=ArchiveStatus.WAITING, attempt=0)
    with studio.page.expect_download() as download:
        assert make_archives() == 1
        archive.refresh_from_db()
        archive_changed.send(Archive, archive=archive)
    assert pictures_in(download.value) == 3
    expect(messages(studio)).to_have_count(0)


def test_it_is_taken_up_again_by_the_next_page(
    new_studio: Callable[..., Studio], transactional_user: User, images: list[Image], shoot: Shoot
) -> None:
    studio = new_studio(user=transactional_user, viewport=PHONE, color_scheme="dark")
    studio.open("/gallery/")
    studio.page.evaluate(DOWNLOAD, LARGE)
    expect(messages(studio)).to_have_count(1)
    tell(claim(), done=1)

    studio.open("/gallery/")
    expect(messages(studio)).to_contain_text("Packing pictures1 of 3")
    be_still(studio)
    shoot(studio.page, "archive-phone-dark")
    assert studio.overflow() == 0
    Archive.objects.update(status=ArchiveStatus.WAITING, attempt=0)
    studio.page.goto("/create/")
    assert make_archives() == 1

    studio.open("/gallery/")
    expect(messages(studio)).to_contain_text("Your pictures are packed.")
    be_still(studio)
    shoot(studio.page, "archive-ready-phone-dark")
    with studio.page.expect_download() as download:
        button(studio, "Download").click()
    assert pictures_in(download.value) == 3
    studio.open("/gallery/")
    expect(messages(studio)).to_have_count(0)


def test_it_can_be_cancelled_and_what_failed_says_so(studio: Studio, images: list[Image]) -> None:
    studio.open("/gallery/")
    studio.page.evaluate(DOWNLOAD, LARGE)
    button(studio, "Cancel").click()
    expect(messages(studio)).to_have_text("The download is cancelled.")
    assert not Archive.objects.exists()

    studio.page.evaluate(DOWNLOAD, LARGE)
    tell(claim(), status=ArchiveStatus.FAILED, error_id="0123456789abcdef")

    expect(messages(studio).last).to_contain_text("The archive could not be made.")
    expect(messages(studio).last).to_contain_text("Error 0123456789abcdef")


def test_without_live_events_it_is_asked_for(studio: Studio, images: list[Image]) -> None:
    studio.open("/gallery/")
    studio.page.evaluate(DOWNLOAD, LARGE)
    expect(messages(studio)).to_have_count(1)

    with studio.page.expect_download() as download:
        assert make_archives() == 1

    assert pictures_in(download.value) == 3
    assert download.value.url.endswith(str(archive_url(Archive.objects.get())))


def test_where_no_more_are_kept_the_oldest_can_make_room(
    studio: Studio, transactional_user: User, images: list[Image]
) -> None:
    for _number in range(MOST_KEPT):
        archive = request_archive(user=transactional_user, board="all", quality=90)
        now = timezone.now()
        Archive.objects.filter(id=archive.id).update(
            is_streamed=False, created_at=now, expires_at=now + ARCHIVE_KEPT
        )
    oldest = Archive.objects.order_by("created_at").first()
    studio.open("/gallery/")
    studio.page.evaluate(DOWNLOAD, LARGE)
    expect(messages(studio)).to_contain_text("You have as many archives as are kept.")
    studio.excuse("409")

    button(studio, "Remove the oldest").click()

    expect(messages(studio)).to_contain_text("Waiting to be packed3 pictures")
    assert oldest is not None
    assert not Archive.objects.filter(id=oldest.id).exists()
    assert Archive.objects.count() == MOST_KEPT
