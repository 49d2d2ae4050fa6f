"""The list of workflows in the browser: found, renamed, copied, deleted, taken in, given out."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as PillowImage
from playwright.sync_api import Locator, Page, expect

from apps.accounts.models import User
from apps.images.files import encode_png
from apps.workflows.models import Workflow
from apps.workflows.services.workflows import create_workflow
from tests.browser.studio import PHONE, Studio
from tests.workflows.documents import fill_document

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]

# Files that a person would drag from a folder; a browser gives their bytes to the page alone.
_DROP = """([name, type, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.querySelector("main").dispatchEvent(
      new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
  }
}"""


def card(page: Page, name: str) -> Locator:
    return page.locator(".workflow-card", has=page.get_by_text(name, exact=True))


def choose(page: Page, name: str, act: str) -> None:
    page.get_by_role("button", name=f"More for “{name}”").click()
    page.locator("#workflow-menu").get_by_role("menuitem", name=act).click()


def test_a_workflow_is_found_renamed_copied_and_deleted(
    studio: Studio, transactional_user: User, shoot: Shoot
) -> None:
    for name in ("Red fox", "Blue sea"):
        create_workflow(user=transactional_user, name=name, document=fill_document())
    page = studio.page
    studio.open("/workflows/")
    shoot(page, "workflows-desk")

    page.get_by_label("Search workflows").fill("fox")
    expect(card(page, "Blue sea")).to_have_count(0)
    expect(card(page, "Red fox")).to_have_count(1)
    expect(page).to_have_url(f"{page.url.split('?')[0]}?q=fox")

    choose(page, "Red fox", "Rename")
    dialog = page.get_by_role("dialog", name="Rename the workflow")
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Name").fill("Silver fox")
    page.keyboard.press("Enter")
    expect(card(page, "Silver fox").locator(".workflow-card__open")).to_be_focused()
    assert Workflow.objects.get(user=transactional_user, version=2).name == "Silver fox"

    choose(page, "Silver fox", "Duplicate")
    expect(page.locator(".workflow-card__open:focus")).to_contain_text("Silver fox (copy)")
    choose(page, "Silver fox (copy)", "Delete")
    studio.answer("Keep")
    assert Workflow.objects.filter(user=transactional_user).count() == 3
    choose(page, "Silver fox (copy)", "Delete")
    studio.answer("Delete the workflow")
    expect(card(page, "Silver fox (copy)")).to_have_count(0)
    assert Workflow.objects.filter(user=transactional_user).count() == 2


def test_what_was_exported_or_made_a_picture_comes_in_again(
    studio: Studio, transactional_user: User
) -> None:
    create_workflow(user=transactional_user, name="Red fox", document=fill_document())
    page = studio.page
    studio.open("/workflows/")
    with page.expect_download() as downloading:
        choose(page, "Red fox", "Export")
    written = Path(downloading.value.path()).read_bytes()
    assert downloading.value.suggested_filename == "Red fox.json"
    document = json.loads(written)
    assert document["nodes"] == fill_document()["nodes"]

    page.locator("#import-file").set_input_files(
        {"name": "fox.json", "mimeType": "application/json", "buffer": written}
    )
    page.wait_for_url("**/workflows/*-*/")
    assert Workflow.objects.filter(user=transactional_user, name="Red fox").count() == 2

    studio.open("/workflows/")
    picture = PillowImage.new("RGB", (8, 8))
    png = encode_png(picture, metadata={"prompt": "x"}, graph={**document, "name": "여우"})
    drop(page, "fox.png", "image/png", png)
    page.wait_for_url("**/workflows/*-*/")
    assert Workflow.objects.filter(user=transactional_user, name="여우").count() == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"no JSON", "There is no workflow in “fox.json”.", id="words"),
        pytest.param(b'{"nodes": []}', "“fox.json” cannot be imported.", id="foreign"),
    ],
)
def test_a_file_that_is_no_workflow_is_refused_in_words(
    studio: Studio, transactional_user: User, content: bytes, told: str
) -> None:
    page = studio.page
    studio.open("/workflows/")

    drop(page, "fox.json", "application/json", content)

    expect(page.locator(".toast--error")).to_contain_text(told)
    if b"nodes" in content:
        studio.excuse("422")
    assert not Workflow.objects.filter(user=transactional_user).exists()
    picture = io.BytesIO()
    PillowImage.new("RGB", (8, 8)).save(picture, "PNG")
    drop(page, "plain.png", "image/png", picture.getvalue())
    expect(page.locator("#toasts")).to_contain_text("There is no workflow in “plain.png”.")


def test_nothing_of_ones_own_is_taught_in_korean_on_a_phone(
    new_studio: Callable[..., Studio], transactional_user: User, shoot: Shoot
) -> None:
    studio = new_studio(
        user=transactional_user, viewport=PHONE, locale="ko-KR", color_scheme="dark", has_touch=True
    )
    studio.open("/workflows/")

    expect(studio.page.get_by_role("heading", name="아직 내 워크플로가 없어요")).to_be_visible()
    assert studio.overflow() == 0
    shoot(studio.page, "workflows-empty-hand")
    studio.page.locator(".tabs").get_by_role("link", name="스타일").tap()
    expect(studio.page.get_by_role("heading", name="스타일", exact=True, level=1)).to_be_visible()


def drop(page: Page, name: str, kind: str, content: bytes) -> None:
    page.evaluate(_DROP, [name, kind, base64.b64encode(content).decode()])
