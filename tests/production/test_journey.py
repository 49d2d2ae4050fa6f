"""The main job in a browser, on production's settings behind nginx's TLS."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect, sync_playwright

from config.local.chromium import require_chromium
from tests.browser.studio import CHROMIUM_ARGUMENTS, DESKTOP, MADE_WITHIN_MS, Studio
from tests.browser.test_gallery_boards import board_link, drag
from tests.production.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

PATIENCE_MS = 60_000


@pytest.fixture
def studio(run: Run) -> Iterator[Studio]:
    """A window that knows nobody yet; at the end its console has nothing to complain of."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(
            executable_path=require_chromium(), args=CHROMIUM_ARGUMENTS
        )
        context = browser.new_context(
            viewport=DESKTOP,
            base_url=run.state.url,
            color_scheme="light",
            # The authority of the run is not the browser's.
            ignore_https_errors=True,
        )
        context.set_default_timeout(PATIENCE_MS)
        studio = Studio(context.new_page())
        yield studio
        # What the browser thinks of the provider's own pages is not our affair.
        complaints = [text for text in studio.complaints if run.state.url in text]
        browser.close()
    assert complaints == []


def test_from_the_sign_in_to_a_picture_on_a_board_and_its_end(run: Run, studio: Studio) -> None:
    page = studio.page
    studio.open("/create/")
    page.get_by_role("link", name="Continue to sign in").click()
    page.get_by_placeholder("sub").fill("painter")
    page.get_by_role("button", name="Authorize").click()
    expect(studio.prompt).to_be_visible()

    studio.settle()
    studio.set_steps(24)
    studio.record_progress()
    studio.generate("a red circle on a white background")
    expect(page.locator("#stage-preview")).to_be_visible(timeout=MADE_WITHIN_MS)
    studio.wait_for_picture()
    percents = studio.seen_percents()
    assert percents == sorted(percents)
    assert len(set(percents)) >= 3
    assert studio.seen_previews()

    made = page.request.post(
        "/api/v1/boards",
        data={"name": "Circles"},
        headers={
            "Referer": run.state.url,
            "X-CSRFToken": next(
                cookie["value"]
                for cookie in page.context.cookies()
                if cookie["name"] == "csrftoken"
            ),
        },
    )
    assert made.status == 201, made.text()
    page.get_by_role("link", name="Gallery", exact=True).click()
    expect(studio.tiles).to_have_count(1)
    studio.settle()
    drag(page, studio.tiles.first, board_link(studio, "Circles"))
    page.mouse.up()
    expect(board_link(studio, "Circles 1")).to_be_visible()
    studio.settle()

    studio.tiles.click()
    expect(studio.viewer).to_be_visible()
    page.wait_for_function(
        "() => [...document.querySelectorAll('[role=dialog] img, dialog img')]"
        ".some(picture => picture.complete && picture.naturalWidth > 0)"
    )
    studio.viewer.get_by_role("button", name="Delete").click()
    expect(board_link(studio, "Trash 1")).to_be_visible()
    expect(studio.tiles).to_have_count(0)
    ((deleted_at,),) = run.query(
        "SELECT deleted_at FROM images_image image JOIN accounts_user owner"
        " ON owner.id = image.user_id WHERE owner.email = 'painter@easel.example'"
    )
    assert deleted_at is not None
