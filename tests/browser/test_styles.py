"""The page of styles in the browser: styles, wildcards, and templates that are tried."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.workflows.models import StylePreset, Wildcard
from apps.workflows.services import create_preset, create_wildcard
from tests.browser.studio import PHONE, Studio
from tests.factories import make_image

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]


def test_a_style_is_written_seen_changed_deleted_and_taken_back(
    studio: Studio, transactional_user: User, shoot: Shoot
) -> None:
    image = make_image(transactional_user, prompt="a fox", seed=1)
    page = studio.page
    studio.open("/styles/")
    page.get_by_label("See every style with words of yours").fill("a fox")
    page.get_by_role("button", name="New style").first.click()
    editor = page.get_by_role("dialog", name="New style")
    expect(editor.get_by_label("Name")).to_be_focused()
    editor.get_by_label("Name").fill("Paper cut")
    editor.get_by_label("Text of the style").fill("paper cut of {prompt}, soft light")
    expect(editor.locator("#style-preview")).to_have_text("paper cut of a fox, soft light")
    editor.get_by_label("Text of the style").fill("paper cut")
    expect(editor.locator("#style-preview")).to_have_text("a fox, paper cut")
    editor.get_by_role("radio", name="a fox").check()
    shoot(page, "style-editor-desk")
    editor.get_by_role("button", name="Save").click()

    card = page.locator(".style", has_text="Paper cut")
    expect(card.locator(".style__text")).to_have_text("a fox, paper cut")
    expect(card.get_by_role("button", name="Edit")).to_be_focused()
    kept = StylePreset.objects.get(user=transactional_user)
    assert (kept.name, kept.prompt, kept.cover_name) == (
        "Paper cut",
        "paper cut",
        image.image_name,
    )
    expect(card.get_by_role("link", name="Use it")).to_have_attribute(
        "href", f"/create/?preset={kept.id}"
    )
    expect(page.get_by_label("Style", exact=True)).to_contain_text("Paper cut")

    page.keyboard.press("Enter")
    editor = page.get_by_role("dialog", name="Edit the style")
    editor.get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)
    assert not StylePreset.objects.filter(user=transactional_user).exists()
    page.get_by_role("button", name="Undo").click()
    expect(card).to_have_count(1)
    again = StylePreset.objects.get(user=transactional_user)
    assert (again.name, again.prompt, again.cover_name) == (
        "Paper cut",
        "paper cut",
        image.image_name,
    )


def test_a_name_twice_and_a_text_too_long_are_said_beside_their_fields(
    studio: Studio, transactional_user: User
) -> None:
    create_preset(user=transactional_user, name="Paper")
    page = studio.page
    studio.open("/styles/")
    page.get_by_role("button", name="New style").first.click()
    editor = page.get_by_role("dialog", name="New style")

    editor.get_by_role("button", name="Save").click()
    expect(page.locator("#style-name-error")).not_to_be_empty()
    studio.excuse("422")
    editor.get_by_label("Name").fill("Paper")
    editor.get_by_role("button", name="Save").click()
    expect(page.locator("#style-name-error")).to_contain_text("choose another name")
    expect(editor.get_by_label("Name")).to_be_focused()
    studio.excuse("409")
    page.keyboard.press("Escape")
    expect(editor).to_be_hidden()
    assert StylePreset.objects.filter(user=transactional_user).count() == 1


def test_a_shared_style_is_copied_before_it_is_changed(
    studio: Studio, transactional_user: User
) -> None:
    shared = StylePreset.objects.create(user=None, name="Watercolour", prompt="watercolour")
    page = studio.page
    studio.open("/styles/")

    page.get_by_role("button", name="Copy and change").click()
    editor = page.get_by_role("dialog", name="Your own “Watercolour”")
    editor.get_by_label("Text of the style").fill("watercolour of {prompt}, wet")
    editor.get_by_role("button", name="Save").click()

    expect(page.locator(".style")).to_have_count(2)
    own = StylePreset.objects.get(user=transactional_user)
    assert (own.name, own.prompt) == ("Watercolour", "watercolour of {prompt}, wet")
    shared.refresh_from_db()
    assert shared.prompt == "watercolour"


def test_a_wildcard_is_kept_and_a_template_tried_on_a_phone_in_korean(
    new_studio: Callable[..., Studio], transactional_user: User, shoot: Shoot
) -> None:
    studio = new_studio(
        user=transactional_user,
        viewport=PHONE,
        has_touch=True,
        locale="ko-KR",
        color_scheme="dark",
        reduced_motion="reduce",
    )
    page = studio.page
    studio.open("/styles/")
    page.get_by_role("button", name="새 와일드카드").first.tap()
    editor = page.get_by_role("dialog", name="새 와일드카드")
    editor.get_by_label("이름").fill("색")
    editor.get_by_label("값, 한 줄에 하나씩").fill("붉은\n\n금빛\n 푸른 ")
    expect(page.locator("#wildcard-count")).to_have_text("값 3개")
    expect(page.locator("#wildcard-name-note")).to_contain_text("__색__")
    shoot(page, "styles-wildcard-hand")
    editor.get_by_role("button", name="저장").tap()
    expect(page.locator(".wildcard__value")).to_have_text(["붉은", "금빛", "푸른"])
    kept = Wildcard.objects.get(user=transactional_user)
    assert (kept.name, kept.values) == ("색", ["붉은", "금빛", "푸른"])

    # Another name alone changes no value, nor what lines cannot show of one.
    Wildcard.objects.filter(id=kept.id).update(values=[*kept.values, " 두\n줄 "])
    page.reload()
    studio.settle()
    page.locator(".wildcard").get_by_role("button").first.tap()
    page.get_by_role("dialog").get_by_label("이름").fill("빛깔")
    page.get_by_role("button", name="저장").tap()
    expect(page.locator(".wildcard")).to_contain_text("빛깔")
    kept.refresh_from_db()
    assert (kept.name, kept.values[3:]) == ("빛깔", [" 두\n줄 "])
    Wildcard.objects.filter(id=kept.id).update(name="색", values=kept.values[:3])
    kept.refresh_from_db()

    page.get_by_label("템플릿", exact=True).fill("__색__ 여우, {낮|밤}")
    page.get_by_role("radio", name="가능한 전부").check()
    page.get_by_role("button", name="시험해 보기").tap()
    made = page.locator(".trial__words")
    expect(made).to_have_count(6)
    assert set(made.all_inner_texts()) == {
        f"{colour} 여우, {time}" for colour in kept.values for time in ("낮", "밤")
    }
    shoot(page, "styles-trial-hand")
    assert studio.overflow() == 0


def test_an_example_teaches_and_what_is_wrong_is_said_at_the_template(
    studio: Studio, transactional_user: User
) -> None:
    create_wildcard(user=transactional_user, name="colour", values=["red"])
    page = studio.page
    studio.open("/styles/")

    page.get_by_role("button", name="one of them").click()
    expect(page.get_by_label("Template", exact=True)).to_have_value("a {red|golden|blue} fox")
    expect(page.locator(".trial__words")).to_have_count(6)
    page.get_by_label("Template", exact=True).fill("a {red|blue fox")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#trial-prompt-error")).not_to_be_empty()
    expect(page.get_by_label("Template", exact=True)).to_be_focused()
    studio.excuse("422")
    page.get_by_label("Template", exact=True).fill("a __colour__ fox")
    page.get_by_label("How many").fill("2")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator(".trial__words")).to_have_text(["a red fox", "a red fox"])
