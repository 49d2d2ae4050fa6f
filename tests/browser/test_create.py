"""The Create page, as a person works with it all day."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from apps.accounts.models import User
from apps.boards.models import Board
from apps.catalog.models import GenerationModel
from apps.generation.models import Job, JobState
from apps.generation.queue_selectors import get_queue, is_paused, lanes_of
from apps.generation.services.queue import pause_queue
from apps.images.models import Image
from apps.images.selectors import read_file
from apps.workflows.services import create_preset, create_wildcard
from tests.browser.studio import MADE_WITHIN_MS, PHONE, Studio
from tests.factories import make_batch, make_image

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]

_PASTE = """(bytes) => {
  const data = new DataTransfer();
  const picture = Uint8Array.from(atob(bytes), (letter) => letter.codePointAt(0));
  data.items.add(new File([picture], "pasted.png", { type: "image/png" }));
  window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
}"""

# As an input method tells of the key that ends what is composed.
_COMPOSE = """(field) => field.dispatchEvent(new KeyboardEvent("keydown", {
  key: "Enter", isComposing: true, bubbles: true, cancelable: true,
}))"""


def prompts_waiting(user: User) -> list[str]:
    return [job.parameters["prompt"] for job in get_queue(user=user).waiting]


def go_to_gallery(studio: Studio) -> None:
    studio.page.get_by_role("navigation", name="Main").get_by_role(
        "link", name="Gallery", exact=True
    ).click()
    studio.page.wait_for_url("**/gallery/")
    studio.settle()


def selected(studio: Studio) -> str:
    return str(
        studio.prompt.evaluate(
            "field => field.value.slice(field.selectionStart, field.selectionEnd)"
        )
    )


def test_a_prompt_with_choices_shows_what_comes_out_and_makes_a_batch(
    studio: Studio, transactional_user: User, shoot: Shoot
) -> None:
    pause_queue(user=transactional_user)
    create_preset(user=transactional_user, name="Ink", prompt="ink drawing of {prompt}")
    studio.open("/create/")
    one = int(studio.page.locator("#price-credits").inner_text().split()[1])

    studio.prompt.fill("a {red|blue|green} {circle|star}")
    template = studio.page.locator("#template")
    expect(template.get_by_role("status")).to_have_text("Makes 6 prompts")
    expect(template.get_by_role("listitem").nth(1)).to_have_text("a red star")
    expect(studio.page.locator("#price-credits")).to_have_text(f"≈ {6 * one} credits")

    template.get_by_role("radio", name="At random").check()
    template.get_by_label("How many at random").fill("2")
    expect(template.get_by_role("status")).to_have_text("Makes 2 prompts")
    template.get_by_role("radio", name="All of them").check()
    studio.prompt.fill("a {red|blue} circle")
    expect(template.get_by_role("status")).to_have_text("Makes 2 prompts")
    studio.page.get_by_role("button", name="Style", exact=True).click()
    shoot(studio.page, "create-styles")
    studio.page.get_by_role("dialog", name="Choose a style").get_by_role(
        "button", name="Ink"
    ).click()
    expect(studio.page.locator("#style-chosen")).to_contain_text("Style: Ink")
    expect(template.get_by_role("listitem")).to_have_text(
        ["ink drawing of a red circle", "ink drawing of a blue circle"]
    )
    shoot(studio.page, "create-template")
    with studio.page.expect_request("**/api/v1/generations/batch") as asked:
        studio.page.keyboard.press("Control+Enter")

    expect(studio.page.get_by_text("2 generations are in your queue.")).to_be_visible()
    quotes = [item["quote"] for item in (asked.value.post_data_json or {})["generations"]]
    assert len(quotes) == 2 and all(len(quote) > 20 for quote in quotes)  # noqa: PT018
    assert prompts_waiting(transactional_user) == [
        "ink drawing of a red circle",
        "ink drawing of a blue circle",
    ]

    studio.prompt.fill("a {red circle")
    expect(studio.page.locator("#template-error")).not_to_be_empty()
    studio.page.keyboard.press("Control+Enter")
    expect(studio.page.locator("#prompt-error")).not_to_be_empty()
    assert Job.objects.count() == 2
    studio.excuse("422")


def test_words_are_weighed_undone_and_found_again_by_the_keyboard(
    studio: Studio, transactional_user: User, shoot: Shoot
) -> None:
    pause_queue(user=transactional_user)
    studio.open("/create/")
    keyboard = studio.page.keyboard
    studio.prompt.fill("a red circle, white")
    studio.prompt.evaluate("field => field.setSelectionRange(4, 4)")

    keyboard.press("Control+ArrowUp")
    expect(studio.prompt).to_have_value("a (red:1.1) circle, white")
    assert selected(studio) == "red"
    keyboard.press("Control+ArrowUp")
    expect(studio.prompt).to_have_value("a (red:1.2) circle, white")
    keyboard.press("Control+z")
    expect(studio.prompt).to_have_value("a (red:1.1) circle, white")
    keyboard.press("Control+ArrowDown")
    expect(studio.prompt).to_have_value("a red circle, white")
    studio.prompt.evaluate("field => field.setSelectionRange(2, 12)")
    keyboard.press("Control+ArrowDown")
    expect(studio.prompt).to_have_value("a (red circle:0.9), white")

    for number, prompt in enumerate(("a red circle", "a blue star"), start=1):
        studio.generate(prompt)
        expect(studio.page.locator("#strip .strip__job")).to_have_count(number)
    studio.prompt.fill("a draft")
    keyboard.press("Alt+ArrowUp")
    expect(studio.prompt).to_have_value("a blue star")
    keyboard.press("Alt+ArrowUp")
    expect(studio.prompt).to_have_value("a red circle")
    keyboard.press("Alt+ArrowDown")
    keyboard.press("Alt+ArrowDown")
    expect(studio.prompt).to_have_value("a draft")

    studio.page.get_by_role("button", name="History").click()
    shoot(studio.page, "create-history")
    keyboard.type("circle")
    expect(studio.page.locator("#history-list").get_by_role("option")).to_have_count(1)
    keyboard.press("Enter")
    expect(studio.prompt).to_have_value("a red circle")
    expect(studio.prompt).to_be_focused()
    kept = studio.page.evaluate(f"() => localStorage['easel.prompts.{transactional_user.id}']")
    assert "a blue star" in kept

    studio.page.locator("#main").focus()
    keyboard.press("?")
    sheet = studio.page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_contain_text("Give the word more weight")
    shoot(studio.page, "create-keys")
    sheet.get_by_role("checkbox").uncheck()
    keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    queue = studio.page.get_by_role("button", name="Queue", exact=False).first
    keyboard.press("q")
    expect(queue).to_have_attribute("aria-expanded", "false")


def test_the_queue_is_put_in_order_paused_and_cleared(
    studio: Studio, transactional_user: User, starter: GenerationModel, shoot: Shoot
) -> None:
    pause_queue(user=transactional_user)
    for name in ("first", "second", "third"):
        make_batch(transactional_user, starter, 1, prompt=name)
    studio.open("/create/")
    expect(studio.page.locator("#queue-counts")).to_have_text("3 waiting · paused")
    studio.page.locator("#queue-toggle").click()
    rows = studio.page.locator("#queue-list .backlog__item")
    expect(rows).to_have_count(3)

    studio.page.get_by_role("button", name="Move third").focus()
    with studio.page.expect_response("**/move"):
        studio.page.keyboard.press("ArrowUp")
    expect(rows.nth(1)).to_contain_text("third")
    assert prompts_waiting(transactional_user) == ["first", "third", "second"]
    expect(studio.page.get_by_role("button", name="Move third")).to_be_focused()

    grip = studio.page.get_by_role("button", name="Move second")
    grip.hover()
    studio.page.mouse.down()
    target = rows.first.bounding_box()
    assert target is not None
    studio.page.mouse.move(target["x"] + 20, target["y"] + 4, steps=4)
    shoot(studio.page, "create-queue")
    with studio.page.expect_response("**/move"):
        studio.page.mouse.up()
    expect(rows.first).to_contain_text("second")
    assert prompts_waiting(transactional_user) == ["second", "first", "third"]

    studio.page.get_by_role("button", name="Cancel: first").click()
    expect(rows).to_have_count(2)
    assert prompts_waiting(transactional_user) == ["second", "third"]
    studio.page.get_by_role("button", name="Clear waiting").click()
    studio.answer("Cancel them")
    expect(studio.page.locator("#queue-empty")).to_be_visible()
    assert set(Job.objects.values_list("state", flat=True)) == {JobState.CANCELLED}

    studio.page.get_by_role("button", name="Resume").click()
    expect(studio.page.locator("#queue-counts")).to_have_text("")
    assert not is_paused(lanes_of(user_id=transactional_user.id))
    studio.page.get_by_role("button", name="Pause").click()
    expect(studio.page.locator("#queue-counts")).to_have_text("paused")
    assert is_paused(lanes_of(user_id=transactional_user.id))


def test_sizes_keep_their_shape_and_a_start_image_comes_from_anywhere(
    studio: Studio, transactional_user: User, shoot: Shoot
) -> None:
    images = [make_image(transactional_user, prompt=f"picture {n}") for n in range(3)]
    studio.open("/create/")
    width, height = studio.page.locator("#width"), studio.page.locator("#height")
    studio.page.get_by_role("radio", name="Portrait").check()
    expect(width).to_have_value("96")
    expect(height).to_have_value("128")
    studio.page.get_by_role("button", name="Keep the shape").click()
    width.fill("192")
    expect(height).to_have_value("256")
    studio.page.get_by_role("button", name="Swap width and height").click()
    expect(width).to_have_value("256")
    expect(height).to_have_value("192")

    studio.page.get_by_role("button", name="Gallery…").click()
    dialog = studio.page.get_by_role("dialog", name="Choose a start image")
    expect(dialog.get_by_role("button", name="picture")).to_have_count(3)
    shoot(studio.page, "create-picker")
    dialog.get_by_role("searchbox").fill("picture 1")
    expect(dialog.get_by_role("button", name="picture")).to_have_count(1)
    studio.page.keyboard.press("ArrowDown")
    studio.page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    chosen = studio.page.locator("#start-picture")
    assert str(images[1].image_name) in (chosen.get_attribute("src") or "")

    studio.page.get_by_role("button", name="Remove the start image").click()
    expect(studio.page.locator("#start-chosen")).to_be_hidden()
    studio.page.get_by_role("button", name="Gallery…").click()
    studio.page.keyboard.press("Escape")
    expect(studio.page.locator("#start-chosen")).to_be_hidden()
    picture = base64.b64encode(read_file(image=images[0])).decode()
    studio.page.evaluate(_PASTE, picture)
    expect(studio.page.locator("#start-chosen")).to_be_visible()
    assert Image.objects.count() == 4


def test_a_phone_in_the_dark_in_korean_has_room_for_all_of_it(
    new_studio: Callable[..., Studio],
    transactional_user: User,
    starter: GenerationModel,
    shoot: Shoot,
) -> None:
    window = {"viewport": PHONE, "has_touch": True, "locale": "ko-KR", "color_scheme": "dark"}
    studio = new_studio(user=transactional_user, **window)
    studio.open("/create/")
    shoot(studio.page, "create-phone-first-run")
    assert studio.overflow() == 0
    make_image(transactional_user)
    pause_queue(user=transactional_user)
    make_batch(
        transactional_user, starter, 3, prompt="노란 배경에 놓인 작은 파란 별 세 개와 하얀 달"
    )
    studio.open("/create/")
    studio.page.locator("#prompt").fill("{빨간|파란} 원")
    studio.page.get_by_role("button", name="네거티브").click()
    expect(studio.page.locator("#template-title")).to_have_text("프롬프트 2개가 만들어져요")
    shoot(studio.page, "create-phone-template")
    assert studio.overflow() == 0
    studio.page.locator("#queue-toggle").click()
    studio.page.locator("#queue-panel").scroll_into_view_if_needed()
    studio.page.locator("#strip").scroll_into_view_if_needed()
    shoot(studio.page, "create-phone-queue")
    assert studio.overflow() == 0
    studio.page.locator("#settings > summary").click()
    studio.page.get_by_role("button", name="갤러리…").click()
    expect(studio.page.locator(".picture-picker__picture")).to_have_count(1)
    shoot(studio.page, "create-phone-picker")
    studio.page.keyboard.press("Escape")
    studio.page.locator("#help-open").click()
    shoot(studio.page, "create-phone-keys")


@pytest.mark.usefixtures("worker")
def test_the_first_picture_is_one_press_away_and_is_worked_on_by_keys(
    studio: Studio, transactional_user: User, shoot: Shoot
) -> None:
    board = Board.objects.create(user=transactional_user, name="Nature")
    studio.open("/create/")
    shoot(studio.page, "create-first-run")
    first = studio.page.locator("#first-run button").first
    prompt = first.inner_text()
    studio.set_steps(4)

    first.click()

    studio.wait_for_picture()
    expect(studio.prompt).to_have_value(prompt)
    image = Image.objects.get()
    keyboard = studio.page.keyboard
    studio.page.locator("#main").focus()
    with studio.page.expect_response(f"**/api/v1/images/{image.image_name}"):
        keyboard.press("s")
    expect(studio.page.get_by_role("button", name="Star", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    image.refresh_from_db()
    assert image.starred is True

    studio.page.get_by_role("combobox", name="Board").select_option("Nature")
    expect(studio.page.get_by_text("The picture is on “Nature” now.")).to_be_visible()
    image.refresh_from_db()
    assert image.board_id == board.id
    studio.settle()
    shoot(studio.page, "create-result")

    studio.page.locator("#main").focus()
    with studio.page.expect_request("**/api/v1/generations") as asked:
        keyboard.press("a")
    again = asked.value.post_data_json or {}
    assert again["seed"] == image.metadata["seed"]
    assert len(again["quote"]) > 20
    expect(studio.page.locator("#strip .strip__job")).to_have_count(2)
    studio.page.wait_for_function(
        "() => document.querySelectorAll('#strip [data-state=succeeded]').length === 2",
        timeout=MADE_WITHIN_MS,
    )
    studio.settle()
    newest = Image.objects.order_by("-created_at")[0]

    keyboard.press("Delete")
    expect(studio.page.get_by_text("The picture is in the trash for 30 days.")).to_be_visible()
    studio.settle()
    newest.refresh_from_db()
    assert newest.deleted_at is not None
    with studio.page.expect_response("**/api/v1/images/acts"):
        studio.page.get_by_role("button", name="Undo").last.click()
    studio.wait_for_picture()
    assert Image.objects.get(pk=newest.pk).deleted_at is None

    studio.page.locator("#main").focus()
    with studio.page.expect_response(f"**/api/v1/images/{newest.image_name}"):
        keyboard.press("Delete")
    go_to_gallery(studio)
    expect(studio.tiles).to_have_count(1)
    studio.page.get_by_role("button", name="Undo").last.click()
    expect(studio.tiles).to_have_count(2)


def test_what_is_composed_or_answered_late_does_what_was_meant(
    studio: Studio, transactional_user: User
) -> None:
    pause_queue(user=transactional_user)
    create_wildcard(user=transactional_user, name="장소", values=["바다", "산"])
    make_image(transactional_user)
    page = studio.page
    studio.open("/create/")
    studio.prompt.fill("__장소__ 위의 달")
    prompts = page.locator("#template").get_by_role("listitem")
    expect(prompts).to_have_text(["바다 위의 달", "산 위의 달"])

    page.get_by_role("button", name="Gallery…").click()
    words = page.get_by_role("dialog", name="Choose a start image").get_by_role("searchbox")
    expect(page.locator(".picture-picker__picture")).to_have_count(1)
    words.focus()
    words.evaluate(_COMPOSE)
    expect(words).to_be_focused()
    page.keyboard.press("Escape")

    held: list[Route] = []
    page.route("**/api/v1/generations", lambda route: held.append(route))
    studio.prompt.fill("a red circle")
    for _ in range(2):
        with page.expect_request("**/api/v1/generations"):
            studio.page.keyboard.press("Control+Enter")
        go_to_gallery(studio)
        page.go_back()
        page.wait_for_url("**/create/")
        studio.settle()
        studio.prompt.focus()
    go_to_gallery(studio)
    accepted, refused = held
    with page.expect_response("**/api/v1/generations"):
        accepted.continue_()
    detail = "Some settings are not valid."
    body = {"detail": detail, "code": "invalid", "fields": {"prompt": ["No."]}}
    with page.expect_response("**/api/v1/generations"):
        refused.fulfill(status=422, json=body)

    expect(page.locator(".toast")).to_have_text([detail])
    assert prompts_waiting(transactional_user) == ["a red circle"]
    studio.excuse("422")
