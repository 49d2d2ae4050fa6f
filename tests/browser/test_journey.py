"""The main job, as a person does it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.generation.models import Job, JobState
from apps.images.models import Image
from tests.browser.studio import MADE_WITHIN_MS, Studio
from tests.factories import PASSWORD

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("worker")]

Shoot = Callable[[Page, str], Path]


def test_a_prompt_becomes_a_picture_that_is_found_and_deleted(
    new_studio: Callable[..., Studio], transactional_user: User, shoot: Shoot
) -> None:
    studio = new_studio()
    studio.sign_in(transactional_user.email, PASSWORD)
    expect(studio.page).to_have_url(f"{studio.page.url.split('/create')[0]}/create/")
    expect(studio.stage.get_by_role("heading", name="Your first picture")).to_be_visible()

    studio.set_steps(24)
    studio.record_progress()
    studio.generate("a red circle on a white background")
    expect(studio.page.locator("#stage-preview")).to_be_visible(timeout=MADE_WITHIN_MS)
    shoot(studio.page, "create-running")
    frame = studio.page.locator(".stage__frame")
    place = frame.bounding_box()
    studio.wait_for_picture()
    shoot(studio.page, "create-done")
    assert frame.bounding_box() == place

    percents = studio.seen_percents()
    assert percents == sorted(percents)
    assert len(set(percents)) >= 3
    assert len(studio.seen_previews()) >= 2
    job = Job.objects.get()
    image = Image.objects.get()
    assert (job.state, job.parameters["steps"]) == (JobState.SUCCEEDED, 24)
    assert studio.result.get_attribute("src") == f"/api/v1/images/{image.image_name}/full"

    studio.page.get_by_role("link", name="Gallery", exact=True).click()
    expect(studio.tiles).to_have_count(1)
    studio.settle()
    shoot(studio.page, "gallery")
    studio.tiles.click()
    expect(studio.viewer).to_be_visible()
    expect(studio.viewer.locator(".facts")).to_contain_text(str(job.parameters["seed"]))
    shoot(studio.page, "viewer")

    studio.viewer.get_by_role("button", name="Delete").click()

    expect(studio.page.get_by_role("heading", name="No pictures yet")).to_be_visible()
    expect(studio.tiles).to_have_count(0)
    expect(studio.page.get_by_role("link", name="All pictures 0")).to_be_visible()
    expect(studio.page.get_by_role("link", name="Trash 1")).to_be_visible()
    studio.settle()
    shoot(studio.page, "in-the-trash")
    assert Image.objects.get().deleted_at is not None
    studio.page.get_by_role("button", name="Undo").click()
    expect(studio.tiles).to_have_count(1)
    expect(studio.page.get_by_role("heading", name="No pictures yet")).to_be_hidden()
    expect(studio.page.get_by_role("link", name="All pictures 1")).to_be_visible()
    assert Image.objects.get().deleted_at is None


def test_a_reload_in_mid_job_shows_the_truth(studio: Studio) -> None:
    studio.open("/create/")
    studio.make_it_long()
    studio.generate("a sunset over the sea")
    studio.page.wait_for_function(
        "() => (document.querySelector('#stage-progress')?.value ?? 0) > 5",
        timeout=MADE_WITHIN_MS,
    )
    before = studio.page.locator("#stage-progress").evaluate("bar => bar.value")

    studio.page.reload()

    expect(studio.stage).to_have_attribute("data-state", "running")
    expect(studio.stage).to_contain_text("a sunset over the sea")
    after = studio.page.locator("#stage-progress").evaluate("bar => bar.value")
    assert after >= before
    expect(studio.prompt).to_have_value("a sunset over the sea")
    studio.wait_for_picture()
    assert Job.objects.count() == 1
    assert Image.objects.count() == 1


def test_a_cancelled_job_stops_and_says_so(studio: Studio) -> None:
    studio.open("/create/")
    studio.make_it_long()
    studio.generate("a forest at night")
    expect(studio.stage).to_have_attribute("data-state", "running", timeout=MADE_WITHIN_MS)

    studio.page.get_by_role("button", name="Cancel").click()

    expect(studio.stage).to_have_attribute("data-state", "cancelled", timeout=MADE_WITHIN_MS)
    expect(studio.page.get_by_role("heading", name="Cancelled")).to_be_visible()
    assert Job.objects.get().state == JobState.CANCELLED
    assert not Image.objects.exists()


def test_the_keyboard_alone_makes_opens_and_leaves_a_picture(studio: Studio) -> None:
    studio.open("/create/")
    expect(studio.prompt).to_be_focused()
    keyboard = studio.page.keyboard

    keyboard.type("a blue star on a yellow background")
    keyboard.press("Control+Enter")
    studio.wait_for_picture()

    studio.page.get_by_role("link", name="Gallery", exact=True).focus()
    keyboard.press("Enter")
    expect(studio.tiles).to_have_count(1)
    studio.settle()
    studio.tiles.focus()
    keyboard.press("Enter")
    expect(studio.viewer).to_be_visible()
    expect(studio.viewer.get_by_role("link", name="Close")).to_be_focused()
    keyboard.press("Escape")
    expect(studio.viewer).to_be_hidden()
    expect(studio.tiles).to_be_focused()


def test_a_picture_gives_its_settings_and_itself_to_the_next_one(
    studio: Studio, transactional_user: User
) -> None:
    studio.open("/create/")
    studio.set_steps(7)
    studio.page.get_by_label("Seed", exact=True).fill("1234")
    studio.generate("two pink hearts on a purple background")
    studio.wait_for_picture()
    image = Image.objects.get()
    # Another browser would not remember them; here the memory is emptied.
    studio.page.evaluate("() => localStorage.clear()")

    studio.open(f"/gallery/{image.image_name}/")
    studio.page.get_by_role("link", name="Use these settings").click()
    studio.settle()

    expect(studio.prompt).to_have_value("two pink hearts on a purple background")
    studio.open_advanced()
    expect(studio.page.get_by_role("spinbutton", name="Steps")).to_have_value("7")
    expect(studio.page.get_by_label("Seed", exact=True)).to_have_value("1234")

    studio.open(f"/gallery/{image.image_name}/")
    studio.page.get_by_role("link", name="Start from it").click()
    studio.settle()
    expect(studio.page.locator("#start-chosen")).to_be_visible()
    studio.generate("a white heart on a purple background")
    expect(studio.stage).to_contain_text("a white heart", timeout=MADE_WITHIN_MS)
    studio.wait_for_picture()
    newest = Job.objects.order_by("-created_at")[0]
    assert newest.parameters["init_image"] == str(image.image_name)


def test_a_new_picture_joins_an_open_gallery(
    new_studio: Callable[..., Studio], transactional_user: User
) -> None:
    gallery = new_studio(user=transactional_user)
    gallery.open("/gallery/")
    expect(gallery.page.get_by_role("heading", name="No pictures yet")).to_be_visible()
    create = new_studio(user=transactional_user)
    create.open("/create/")

    create.generate("a full moon over mountains")

    expect(gallery.tiles).to_have_count(1, timeout=MADE_WITHIN_MS)
    expect(gallery.page.get_by_role("heading", name="No pictures yet")).to_be_hidden()
