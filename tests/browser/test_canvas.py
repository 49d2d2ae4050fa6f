"""The canvas as it is worked on: a picture opened, masked, made anew in a part, and kept."""

import io
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from PIL import Image as PillowImage
from PIL import ImageChops, ImageStat
from playwright.sync_api import Page, Route, expect
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.canvas.models import CanvasDocument
from apps.canvas.selectors import read_layer_file
from apps.core.tenancy import tenant_scope
from apps.generation.models import Job, JobState
from apps.images.models import Image
from apps.images.services.pictures import upload_image
from tests.browser.studio import MADE_WITHIN_MS, PHONE, Studio
from tests.canvas.factories import document, layer, make_canvas, upload
from tests.factories import encode

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
SIDE = 128
# The rectangle of a mouse ends on some pixel of the screen, four of which are one of the canvas.
SLACK = 2
_CANVAS = re.compile(r"/api/v1/canvases/[0-9a-f-]{36}$")


@pytest.fixture
def image(transactional_user: User) -> Image:
    """A picture of the size that the starter model makes, of which each part differs."""
    red = PillowImage.linear_gradient("L").resize((SIDE, SIDE))
    picture = PillowImage.merge("RGB", (red, red.rotate(90), red.rotate(180)))
    with tenant_scope(transactional_user.id):
        return upload_image(user=transactional_user, file=encode(picture))


def wait_until_ready(page: Page) -> None:
    expect(page.locator("#canvas-page")).to_have_attribute("data-state", "ready")


def wait_until_saved(page: Page) -> None:
    expect(page.locator("#save-state")).to_have_attribute("data-state", "saved")


def the_canvas(user: User) -> CanvasDocument:
    with tenant_scope(user.id):
        return CanvasDocument.objects.get()


def wait_for_version(user: User, version: int) -> None:
    for _ in range(200):
        if the_canvas(user).version >= version:
            break
        time.sleep(0.05)
    assert the_canvas(user).version == version


def mask_corner(page: Page) -> None:
    """Draw a rectangle of mask over the upper left quarter of the picture in the middle."""
    page.locator("[data-tool=rectangle]").click()
    stage = page.locator("[data-part=stage]").bounding_box()
    assert stage
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    page.mouse.move(x - 2 * SIDE - 12, y - 2 * SIDE - 12)
    page.mouse.down()
    page.mouse.move(x - SIDE, y - SIDE, steps=4)
    page.mouse.move(x, y, steps=4)
    page.mouse.up()


def shown(user: User) -> PillowImage.Image:
    """Lay the pictures of the saved canvas over each other."""
    canvas = the_canvas(user)
    whole = PillowImage.new("RGBA", (canvas.width, canvas.height))
    for part in canvas.document["layers"]:
        if part["kind"] != "picture" or part["image"] is None:
            continue
        with tenant_scope(user.id):
            content = read_layer_file(user=user, document_id=canvas.id, name=part["image"])
        pixels = PillowImage.open(io.BytesIO(content)).convert("RGBA")
        whole.alpha_composite(pixels, (int(part["x"]), int(part["y"])))
    return whole.convert("RGB")


def changed_part(before: PillowImage.Image, user: User) -> tuple[int, int, int, int] | None:
    return ImageChops.difference(before, shown(user)).getbbox()


def generate(page: Page) -> None:
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("button", name="Use it")).to_be_enabled(timeout=MADE_WITHIN_MS)


def test_a_part_of_a_picture_is_made_anew_and_kept(
    studio: Studio, worker: None, image: Image, transactional_user: User, shoot: Shoot
) -> None:
    page, user = studio.page, transactional_user
    studio.open(f"/gallery/{image.image_name}/")
    page.get_by_role("link", name="Edit on the canvas").click()
    page.wait_for_url(re.compile(r"/canvas/[0-9a-f-]{36}/$"))
    wait_until_ready(page)
    expect(page.locator("#run-plan-text")).to_contain_text("Works over the picture")
    before = shown(user)
    assert before.size == (SIDE, SIDE)

    mask_corner(page)
    expect(page.locator("#run-plan-text")).to_contain_text("Fills the masked part")
    page.get_by_role("textbox", name="Prompt", exact=True).fill("a red circle on white")
    page.locator("#run-steps").fill("8")
    page.locator("#run-feather").fill("0")
    expect(page.locator("#run-credits")).to_contain_text("credit")
    wait_until_saved(page)
    shoot(page, "canvas-masked")
    generate(page)
    shoot(page, "canvas-staged")
    page.get_by_role("button", name="Use it").click()
    wait_until_saved(page)

    kinds = [layer["kind"] for layer in the_canvas(user).document["layers"]]
    assert sorted(kinds) == ["mask", "picture", "picture"]
    part = changed_part(before, user)
    assert part is not None
    assert max(part[2], part[3]) <= SIDE // 2 + SLACK
    assert min(part[2] - part[0], part[3] - part[1]) > SIDE // 4

    page.locator("[data-act=undo]").click()
    wait_until_saved(page)
    assert changed_part(before, user) is None

    page.reload()
    wait_until_ready(page)
    expect(page.locator("#run-plan-text")).to_contain_text("Fills the masked part")
    expect(page.locator(".canvas-layer")).to_have_count(2)
    generate(page)
    page.get_by_role("button", name="Use it").click()
    wait_until_saved(page)
    shoot(page, "canvas-accepted")
    part = changed_part(before, user)
    assert part is not None
    assert max(part[2], part[3]) <= SIDE // 2 + SLACK

    with tenant_scope(user.id):
        jobs = list(Job.objects.order_by("created_at"))
        gallery = Image.objects.filter(is_intermediate=False)
        # The uploaded one and two results: what was sent for them is in no list.
        assert (gallery.count(), Image.objects.count()) == (3, 3 + 2 * 2)
    assert [(job.state, job.parameters["mask"]["feather"]) for job in jobs] == [
        (JobState.SUCCEEDED, 0)
    ] * 2

    page.locator("#run-steps").fill("100")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#run-state")).to_have_attribute(
        "data-state", "running", timeout=MADE_WITHIN_MS
    )
    page.reload()
    wait_until_ready(page)
    expect(page.locator("#run-state")).to_have_attribute("data-state", "running")
    # At a strength of 80 % so many of them are worked.
    expect(page.locator("#run-step")).to_contain_text("of 80")
    shoot(page, "canvas-running")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#run-state")).to_have_attribute("data-state", "none", timeout=60_000)
    with tenant_scope(user.id):
        assert Job.objects.latest("created_at").state == JobState.CANCELLED


def test_a_picture_grows_into_the_empty_part(
    studio: Studio, worker: None, transactional_user: User, shoot: Shoot
) -> None:
    page, user = studio.page, transactional_user
    api = APIClient()
    api.force_login(user)
    canvas = make_canvas(api, width=SIDE, height=SIDE)
    half = PillowImage.new("RGB", (SIDE // 2, SIDE), (200, 120, 40))
    name = upload(api, canvas, encode(half)).json()["name"]
    place = {"x": 0, "y": 0, "width": SIDE // 2, "height": SIDE, "opacity": 1}
    body = document(
        layer(image=name, **place),
        width=SIDE,
        height=SIDE,
        box={"x": 0, "y": 0, "width": SIDE, "height": SIDE},
    )
    assert (
        api.put(canvas["url"], {"version": 1, "document": body}, format="json").status_code == 200
    )
    studio.open(f"/canvas/{canvas['id']}/")
    wait_until_ready(page)
    expect(page.locator("#run-plan-text")).to_contain_text("Grows the picture")
    expect(page.locator("#run-strength")).to_be_hidden()
    page.get_by_role("textbox", name="Prompt", exact=True).fill("an orange desert")
    page.locator("#run-steps").fill("8")
    generate(page)
    shoot(page, "canvas-grown")
    page.get_by_role("button", name="Use it").click()
    wait_until_saved(page)

    with tenant_scope(user.id):
        job = Job.objects.get()
    asked = {side: job.parameters["outpaint"][side] for side in ("left", "top", "right", "bottom")}
    assert asked == {"left": 0, "top": 0, "right": SIDE // 2, "bottom": 0}
    assert (job.parameters["strength"], "mask" in job.parameters) == (1, False)
    whole = shown(user)
    # All of it is covered now, and the half that was there is as it was but for a soft edge.
    kept = ImageStat.Stat(whole.crop((0, 0, SIDE // 2 - 24, SIDE))).mean
    assert [abs(a - b) < 12 for a, b in zip(kept, (200, 120, 40), strict=True)] == [True] * 3
    assert whole.crop((SIDE // 2 + 8, 0, SIDE, SIDE)).getextrema() != ((0, 0), (0, 0), (0, 0))


def test_canvases_are_kept_in_order(
    studio: Studio, image: Image, transactional_user: User, shoot: Shoot
) -> None:
    page, user = studio.page, transactional_user
    studio.open("/canvas/")
    expect(page.get_by_role("heading", name="No canvas yet")).to_be_visible()
    shoot(page, "canvases-empty")
    page.get_by_role("button", name="Begin the first one").click()
    shoot(page, "canvas-new")
    page.locator(".new-canvas__picture").click()
    wait_until_ready(page)
    name = page.get_by_role("textbox", name="Name of the canvas")
    name.fill("Harbour")
    name.press("Enter")
    expect(page).to_have_title("Harbour · Easel")

    page.get_by_role("link", name="All canvases").click()
    card = page.locator(".canvas-card")
    expect(card).to_contain_text("Harbour")
    studio.settle()
    page.get_by_role("button", name="Duplicate “Harbour”").click()
    expect(card).to_have_count(2)
    expect(page.get_by_role("link", name="Harbour (copy)")).to_be_focused()
    page.get_by_role("button", name="Rename “Harbour (copy)”").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Quay")
    page.keyboard.press("Enter")
    expect(card.first).to_contain_text("Quay")
    page.get_by_role("button", name="Delete “Harbour”").click()
    expect(card).to_have_count(1)
    with tenant_scope(user.id):
        assert CanvasDocument.objects.filter(deleted_at=None).count() == 1
    page.get_by_role("button", name="Undo").click()
    expect(card).to_have_count(2)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.canvas-card__preview')]"
        ".filter((p) => p.naturalWidth > 0).length === 2"
    )
    shoot(page, "canvases")
    with tenant_scope(user.id):
        assert CanvasDocument.objects.filter(deleted_at=None).count() == 2


def previewed(user: User) -> PillowImage.Image:
    canvas = the_canvas(user)
    assert canvas.preview
    with tenant_scope(user.id):
        content = read_layer_file(user=user, document_id=canvas.id, name=canvas.preview)
    return PillowImage.open(io.BytesIO(content)).convert("RGBA")


def test_what_a_canvas_lacks_when_it_is_left_is_kept_or_asked_about(
    studio: Studio, image: Image, transactional_user: User
) -> None:
    page, user = studio.page, transactional_user
    studio.open(f"/canvas/new/?image={image.image_name}")
    wait_until_ready(page)
    back = page.get_by_role("link", name="All canvases")
    card = page.locator(".canvas-card__open")
    shown_switch = page.locator(".canvas-layer [data-act=show]")

    # The second save comes too soon for another preview; leaving brings it.
    shown_switch.click()
    wait_for_version(user, 2)
    assert previewed(user).getbbox() is None
    shown_switch.click()
    wait_for_version(user, 3)
    wait_until_saved(page)
    assert previewed(user).getbbox() is None
    back.click()
    wait_for_version(user, 4)
    assert previewed(user).getbbox() == (0, 0, SIDE, SIDE)
    preview = str(the_canvas(user).preview)
    expect(page.locator(".canvas-card__preview")).to_have_attribute("src", re.compile(preview))

    # Opened again before what was changed last is saved.
    card.click()
    wait_until_ready(page)
    held: list[Route] = []
    page.route(_CANVAS, lambda r: held.append(r) if r.request.method == "PUT" else r.continue_())
    shown_switch.click()
    with page.expect_request(lambda request: request.method == "PUT"):
        back.click()
    card.click()
    page.wait_for_url(re.compile(r"/canvas/[0-9a-f-]{36}/$"))
    expect(page.locator("#canvas-opening")).to_be_visible()
    held[0].continue_()
    page.unroute(_CANVAS)
    wait_until_ready(page)
    expect(shown_switch).to_have_attribute("aria-pressed", "false")
    page.locator(".canvas-layer [data-act=select]").click()
    page.get_by_role("button", name="Delete the layer").click()
    expect(page.get_by_text("is deleted.")).to_be_visible()
    back.click()
    expect(page.get_by_text("is deleted.")).to_have_count(0)
    wait_for_version(user, 6)
    assert the_canvas(user).document["layers"] == []

    # What cannot be saved is not left without a question.
    card.click()
    wait_until_ready(page)
    page.route(_CANVAS, lambda route: route.abort())
    page.locator("[data-part=stage]").press("m")
    expect(page.locator("#save-state")).to_have_attribute("data-state", "offline")
    back.click()
    expect(page.get_by_role("dialog", name="Leave this page?")).to_be_visible()
    studio.answer("Stay")
    expect(page.locator(".canvas-layer")).to_have_count(1)
    assert the_canvas(user).version == 6
    page.unroute(_CANVAS)
    studio.excuse("ERR_FAILED")
    page.keyboard.press("Control+s")
    wait_until_saved(page)


def test_on_a_phone_in_the_dark_in_korean(
    new_studio: Callable[..., Studio], worker: None, transactional_user: User, shoot: Shoot
) -> None:
    user = transactional_user
    studio = new_studio(
        user=user,
        viewport=PHONE,
        has_touch=True,
        is_mobile=True,
        color_scheme="dark",
        locale="ko-KR",
    )
    page = studio.page
    studio.open("/canvas/")
    assert studio.overflow() <= 0
    shoot(page, "canvases-phone-dark")
    page.locator("#new-canvas").tap()
    page.locator("#new-width").fill("128")
    page.locator("#new-height").fill("128")
    shoot(page, "canvas-new-phone-dark")
    page.locator("#new-form [type=submit]").tap()
    page.wait_for_url(re.compile(r"/canvas/[0-9a-f-]{36}/$"))
    wait_until_ready(page)
    expect(page.locator("#run-plan-text")).to_contain_text("새 그림")
    assert studio.overflow() <= 0
    page.locator("#run-prompt").fill("a sunset over the sea")
    page.locator("#run-settings > summary").tap()
    page.locator("#run-steps").fill("6")
    page.locator("#run-settings > summary").tap()
    page.locator("#run-go").tap()
    accept = page.locator("[data-stage=accept]")
    expect(accept).to_be_enabled(timeout=MADE_WITHIN_MS)
    page.evaluate("() => scrollTo(0, 0)")
    shoot(page, "canvas-staged-phone-dark")
    accept.tap()
    wait_until_saved(page)
    assert shown(user).getextrema() != ((0, 0), (0, 0), (0, 0))
    page.evaluate("() => scrollTo(0, document.body.scrollHeight)")
    shoot(page, "canvas-panel-phone-dark")

    # Another tab saves, and this one has something new after that.
    canvas = the_canvas(user)
    other = Client()
    other.force_login(user)
    body = {"version": canvas.version, "document": document(width=128, height=128)}
    address = f"/api/v1/canvases/{canvas.id}"
    assert other.put(address, body, content_type="application/json").status_code == 200
    page.evaluate("() => scrollTo(0, 0)")
    page.locator("[data-act=undo]").tap()
    expect(page.locator("#conflict")).to_be_visible()
    studio.excuse("409")
    shoot(page, "canvas-conflict-phone-dark")
    assert the_canvas(user).version == canvas.version + 1
    page.locator("#conflict-keep").tap()
    wait_until_saved(page)
    expect(page.locator("#conflict")).to_be_hidden()
    assert the_canvas(user).version == canvas.version + 2
