"""What guides a picture, on the Create page: chosen by a person, taken by the API as it is."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind
from apps.catalog.services.own_models import set_cover
from apps.generation.models import Job
from apps.generation.parameters.parts import (
    ControlPart,
    EmbeddingPart,
    ImagePromptPart,
    LoraPart,
    OutpaintPart,
    RefinerPart,
    UpscalePart,
    VariationPart,
)
from apps.images.models import Image
from tests.browser.guides import SHELF, add, chosen, draw, job_of, white_box
from tests.browser.studio import PHONE, Studio
from tests.catalog.factories import make_model
from tests.factories import encode, make_image

pytestmark = pytest.mark.django_db(transaction=True)

Shelf = dict[str, GenerationModel]
Shoot = Callable[[Page, str], Path]
OpenStudio = Callable[..., Studio]
PHONE_IN_KOREAN: dict[str, Any] = {
    "viewport": PHONE,
    "has_touch": True,
    "color_scheme": "dark",
    "locale": "ko-KR",
}
# Hears which words a chip wants in the prompt.
_LISTEN_FOR_WORDS = """() => {
  window.heard = [];
  document.addEventListener("easel:insert", (event) => window.heard.push(event.detail.text));
}"""

# What "Again" says where the API refuses the mask of a region, as it does when that is gone.
_REFUSE_MASK = """async () => {
  const { ApiError } = await import("/static/js/api.js");
  const { refusalOfRepeat } = await import("/static/js/create/orders.js");
  const fields = { "regions.0.mask": ["You have no picture of this name."] };
  return refusalOfRepeat(new ApiError(422, { detail: "", code: "invalid", fields })).message;
}"""


@pytest.fixture
def shelf(transactional_user: User, starter: GenerationModel) -> Shelf:
    """Models of several kinds and families beside the starter model."""
    made = {
        name: make_model(transactional_user if name == "ink" else None, **facts)
        for name, facts in SHELF.items()
    }
    cover = PillowImage.radial_gradient("L").convert("RGB").resize((256, 256))
    set_cover(user=transactional_user, key=made["ink"].key, picture=encode(cover, "WEBP").read())
    return made


def test_models_are_searched_and_chosen_by_keys_and_a_locked_one_says_its_plan(
    studio: Studio, shelf: Shelf, shoot: Shoot
) -> None:
    page = studio.page
    studio.open("/create/")
    assert page.locator("#guides-cards > *").count() == 0
    picker = page.locator("#model-button")
    expect(picker).to_contain_text("Easel Starter")

    picker.click()
    dialog = page.locator("dialog.picker")
    shoot(page, "create-model-picker")
    locked = dialog.locator('li[data-key="flux-dev"]')
    expect(locked).to_contain_text("In the Pro plan and above.")
    expect(locked.get_by_role("link", name="See plans")).to_have_attribute("href", "/account/plan/")
    locked.get_by_role("button").click(force=True)
    expect(dialog).to_be_visible()
    expect(page.locator("#model")).to_have_value("starter")

    dialog.get_by_role("button", name="FLUX.1", exact=True).click()
    expect(dialog.locator("li:visible")).to_have_count(1)
    dialog.get_by_role("button", name="All", exact=True).click()
    dialog.get_by_role("searchbox").fill("nothing like it")
    expect(dialog.get_by_text("None of them fits.", exact=False)).to_be_visible()
    dialog.get_by_role("searchbox").fill("large")
    page.keyboard.press("ArrowDown")
    expect(dialog.locator('[data-key="sdxl-base"] button')).to_be_focused()
    page.keyboard.press("Enter")

    expect(dialog).to_have_count(0)
    expect(page.locator("#model")).to_have_value("sdxl-base")
    expect(picker).to_contain_text("SDXL base")
    expect(picker).to_be_focused()


def test_parts_are_added_removed_remembered_and_sent_as_they_are(
    studio: Studio, shelf: Shelf, shoot: Shoot
) -> None:
    page = studio.page
    studio.open("/create/")
    page.evaluate(_LISTEN_FOR_WORDS)
    page.locator("#guides-add").click()
    menu = page.locator("#guides-menu")
    refiner = menu.locator('[data-part="refiner"]')
    expect(refiner).to_contain_text("Not with Stable Diffusion 1.5. Only SDXL has a refiner.")
    expect(menu.locator('[data-part="vae"]')).to_contain_text(
        "No model for this is installed here for Stable Diffusion 1.5."
    )
    shoot(page, "create-guides-menu")
    refiner.click(force=True)
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")

    loras = add(studio, "loras")
    expect(page.locator('dialog.picker li[data-key="clay"]')).to_contain_text(
        "Made for Stable Diffusion XL; your model is one of Stable Diffusion 1.5."
    )
    shoot(page, "create-lora-picker")
    chosen(loras, "Ink and wash")
    weight = loras.get_by_role("spinbutton", name="Weight")
    expect(weight).to_have_value("0.8")
    weight.fill("-0.5")
    loras.get_by_role("button", name="Put “inkwash” into the prompt").click()
    assert page.evaluate("() => window.heard") == ["inkwash"]
    seamless = add(studio, "seamless")
    seamless.get_by_label("The upper edge").uncheck()
    variation = add(studio, "variation")
    variation.get_by_label("Towards this seed").fill("7")
    add(studio, "clip_skip").get_by_role("spinbutton").fill("2")
    high_res = add(studio, "high_res")
    expect(high_res).to_contain_text("About 64 × 64 first")
    outpaint = add(studio, "outpaint")
    expect(outpaint).to_contain_text("Not used until there is a start image.")
    shoot(page, "create-guides-cards")

    page.reload()
    studio.settle()
    expect(loras.get_by_role("spinbutton", name="Weight")).to_have_value("-0.5")
    expect(loras).to_contain_text("Ink and wash")
    high_res.get_by_role("button", name="Remove").first.click()
    expect(high_res).to_have_count(0)
    expect(page.locator("#guides-add")).to_be_focused()
    loras.get_by_role("button", name="Remove: LoRAs").click()
    expect(loras).to_have_count(0)
    page.locator(".toast", has_text="Removed: LoRAs").get_by_role("button", name="Undo").click()
    expect(loras.get_by_role("spinbutton", name="Weight")).to_have_value("-0.5")

    settings = job_of(studio, "a red circle").settings

    assert settings.loras == (LoraPart(model=shelf["ink"].key, weight=-0.5),)
    assert settings.seamless == ("x",)
    assert settings.variation == VariationPart(seed=7, strength=0.2)
    assert (settings.clip_skip, settings.high_res, settings.outpaint) == (2, None, None)


def test_what_another_family_does_not_take_stays_and_is_not_sent(
    studio: Studio, shelf: Shelf
) -> None:
    page = studio.page
    studio.open("/create/")
    loras = add(studio, "loras")
    chosen(loras, "Ink and wash")

    page.locator("#model-button").click()
    chosen(loras, "SDXL base")

    expect(loras).to_contain_text("Made for Stable Diffusion 1.5; your model is one of")
    job = job_of(studio, "a red circle")
    assert (job.settings.loras, job.model_id) == ((), "sdxl-base")


def test_a_refused_value_is_told_on_its_card_and_nothing_is_made(
    studio: Studio, shelf: Shelf
) -> None:
    studio.open("/create/")
    loras = add(studio, "loras")
    chosen(loras, "Ink and wash")
    weight = loras.get_by_role("spinbutton", name="Weight")
    weight.fill("9")

    studio.generate("a red circle")

    expect(loras.get_by_role("alert")).to_contain_text("4")
    expect(weight).to_have_attribute("aria-invalid", "true")
    assert not Job.objects.exists()
    studio.excuse("422")


def test_regions_and_a_control_picture_on_a_phone_in_korean(
    new_studio: OpenStudio, transactional_user: User, shelf: Shelf, shoot: Shoot
) -> None:
    picture = make_image(transactional_user, prompt="a gradient")
    studio = new_studio(user=transactional_user, **PHONE_IN_KOREAN)
    page = studio.page
    studio.open("/create/")
    page.locator("#settings > summary").click()
    page.locator("#guides-add").click()
    expect(page.locator('#guides-menu [data-part="references"]')).to_contain_text(
        "참조 그림을 보도록 학습되지 않았어요."
    )
    shoot(page, "create-guides-menu-phone")
    page.keyboard.press("Escape")

    controls = add(studio, "controls")
    shoot(page, "create-control-picker-phone")
    page.locator("dialog.picker").get_by_role("button", name="Canny").click()
    page.locator("dialog li button:visible").first.click()
    expect(controls.locator("img.guide__picture")).to_be_visible()
    expect(controls.get_by_label("전처리")).to_have_value("canny")
    controls.get_by_role("spinbutton", name="높은 문턱값").fill("300")
    controls.get_by_role("spinbutton", name="끝").fill("0.8")
    shoot(page, "create-control-phone")

    regions = add(studio, "regions")
    draw(studio, (0.01, 0.01), (0.5, 1.0))
    regions.get_by_label("영역 1의 프롬프트").fill("a star")
    draw(studio, (0.6, 0.5), (0.9, 0.75))
    regions.get_by_label("영역 2의 프롬프트").fill("a moon")
    regions.locator(".regions__box").nth(1).focus()
    page.keyboard.press("ArrowUp")
    shoot(page, "create-regions-phone")
    assert studio.overflow() == 0
    page.get_by_label("프롬프트", exact=True).fill("a beach")
    with page.expect_response(lambda answer: answer.url.endswith("/generations")) as answer:
        page.locator("#generate").click()

    assert answer.value.status == 202, answer.value.text()
    settings = Job.objects.get().settings
    assert settings.controls == (
        ControlPart(
            model="canny",
            kind="controlnet",
            image=str(picture.image_name),
            preprocessor="canny",
            parameters={"low": 100, "high": 300},
            weight=1.0,
            start=0.0,
            end=0.8,
        ),
    )
    assert [region.prompt for region in settings.regions] == ["a star", "a moon"]
    assert white_box(transactional_user, settings.regions[0].mask) == (1, 1, 64, 128)
    left, top, right, bottom = white_box(transactional_user, settings.regions[1].mask)
    assert (left, right) == pytest.approx((0.6 * 128, 0.9 * 128), abs=2)
    assert (top, bottom) == pytest.approx((0.48 * 128, 0.73 * 128), abs=2)


def test_a_region_that_cannot_be_kept_orders_nothing_and_a_mask_is_in_no_list(
    studio: Studio, transactional_user: User
) -> None:
    page = studio.page
    studio.open("/create/")
    regions = add(studio, "regions")
    page.route("**/api/v1/images", lambda route: route.abort())
    draw(studio, (0.1, 0.1), (0.5, 0.9))
    regions.get_by_label("Prompt of region 1").fill("a star")
    studio.generate("a beach")
    expect(regions.get_by_role("alert")).to_have_text(
        "A region could not be kept, so nothing is made. Please try again."
    )
    assert not Job.objects.exists()
    assert not Image.objects.exists()
    studio.excuse("ERR_FAILED")

    page.unroute("**/api/v1/images")
    job = job_of(studio, "a beach")
    mask = Image.objects.get(image_name=job.settings.regions[0].mask)
    assert mask.is_intermediate is True
    advice = page.evaluate(_REFUSE_MASK)
    assert advice == (
        "A mask or picture it was made with is gone. Press “Use settings” and choose it anew."
    )


def test_the_guides_of_a_picture_are_taken_over_whole(
    studio: Studio, transactional_user: User, shelf: Shelf
) -> None:
    page = studio.page
    studio.open("/create/")
    regions = add(studio, "regions")
    draw(studio, (0.25, 0.25), (0.75, 0.5))
    regions.get_by_label("Prompt of region 1").fill("a star")
    first = job_of(studio, "a beach").settings
    image = make_image(
        transactional_user,
        prompt="a beach",
        model="starter",
        loras=[{"model": shelf["ink"].key, "weight": 0.3}],
        embeddings=[{"name": "of another tool"}],
        regions=[{"prompt": "a star", "mask": first.regions[0].mask}],
    )

    studio.open(f"/create/?from={image.image_name}")

    expect(page.locator(".guide")).to_have_count(2)
    loras = page.locator('.guide[data-part="loras"]')
    expect(loras.get_by_role("spinbutton", name="Weight")).to_have_value("0.3")
    box = regions.locator(".regions__box")
    expect(box).to_have_attribute("style", re.compile(r"left: 25%.*width: 50%"))
    again = job_of(studio, "a beach").settings
    assert again.regions == first.regions
    assert again.loras == (LoraPart(model=shelf["ink"].key, weight=0.3),)


def test_what_needs_a_start_image_takes_it_one_at_a_time(
    studio: Studio, transactional_user: User, shelf: Shelf, shoot: Shoot
) -> None:
    page = studio.page
    image = make_image(transactional_user, prompt="a gradient")
    studio.open(f"/create/?start={image.image_name}")
    outpaint = add(studio, "outpaint")
    expect(outpaint).to_contain_text("Give a margin on at least one side.")
    outpaint.get_by_label("On the left, in pixels").fill("128")
    expect(outpaint).to_contain_text("The margins leave no room for the picture")
    outpaint.get_by_label("On the left, in pixels").fill("32")
    expect(outpaint.locator(".guide__hint")).to_be_hidden()
    high_res = add(studio, "high_res")
    expect(high_res).to_contain_text("Only for pictures that start from nothing.")
    upscale = add(studio, "upscale")
    expect(upscale).to_contain_text("Use one of mask, outpainting and enlarging.")
    outpaint.scroll_into_view_if_needed()
    shoot(page, "create-outpaint")

    first = job_of(studio, "a beach").settings
    outpaint.get_by_role("button", name="Remove: Outpainting").click()
    expect(upscale.locator(".guide__hint")).to_be_hidden()
    upscale.get_by_role("spinbutton", name="Tile in pixels").fill("128")
    second = job_of(studio, "a beach").settings

    assert first.outpaint == OutpaintPart(left=32, feather=16)
    assert (first.upscale, first.high_res) == (None, None)
    assert second.upscale == UpscalePart(strength=0.25, tile=128, overlap=64)
    assert (second.outpaint, second.high_res) == (None, None)


def test_models_that_help_are_chosen_each_from_those_of_its_kind(
    studio: Studio, transactional_user: User, shelf: Shelf
) -> None:
    for key, kind, base in (
        ("refine", ModelKind.MAIN, "sdxl-refiner"),
        ("soft-vae", ModelKind.VAE, "sdxl"),
        ("adapter", ModelKind.IP_ADAPTER, "sdxl"),
        ("moody", ModelKind.EMBEDDING, "sdxl"),
    ):
        make_model(key=key, kind=kind, base=base, name=f"A {key}")
    image = make_image(transactional_user, prompt="a gradient")
    page = studio.page
    studio.open("/create/")
    page.locator("#model-button").click()
    chosen(page.locator("#guides"), "SDXL base")

    refiner = add(studio, "refiner")
    expect(page.locator("dialog.picker li")).to_have_count(1)
    chosen(refiner, "A refine")
    refiner.get_by_role("spinbutton").fill("0.3")
    chosen(add(studio, "vae"), "A soft-vae")
    embeddings = add(studio, "embeddings")
    chosen(embeddings, "A moody")
    embeddings.get_by_label("Its word in the prompt").fill("moody")
    prompt = add(studio, "image_prompt")
    chosen(prompt, "A adapter")
    page.locator("dialog li button:visible").first.click()
    expect(prompt.locator("img.guide__picture:visible")).to_have_count(1)
    settings = job_of(studio, "a moody beach").settings

    assert settings.refiner == RefinerPart(model="refine", strength=0.3)
    assert settings.vae == "soft-vae"
    assert settings.embeddings == (EmbeddingPart(model="moody", token="moody"),)
    assert settings.image_prompt == ImagePromptPart(
        model="adapter", images=(str(image.image_name),), weight=1.0
    )


def test_a_grid_tells_how_many_pictures_it_makes_and_makes_them(
    studio: Studio, shelf: Shelf, shoot: Shoot
) -> None:
    page = studio.page
    studio.open("/create/")
    studio.prompt.fill("a red circle")
    grid = add(studio, "grid")
    grid.get_by_label("Across").select_option("steps")
    grid.get_by_label("Values, with commas between them").first.fill("4, 8")
    grid.get_by_label("Down").select_option("scheduler")
    for name in ("Euler", "DDIM", "UniPC"):
        grid.get_by_role("button", name=name, exact=True).click()
    expect(grid).to_contain_text("6 pictures")
    expect(grid.locator(".grid-count__price")).to_have_text("≈ 6 credits")
    grid.scroll_into_view_if_needed()
    shoot(page, "create-grid")

    with page.expect_response(lambda answer: answer.url.endswith("/grid")) as answer:
        page.get_by_role("button", name="Generate").click()

    assert answer.value.status == 202, answer.value.text()
    jobs = Job.objects.filter(batch_id=answer.value.json()["batch"])
    assert sorted((job.settings.steps, job.settings.scheduler) for job in jobs) == [
        (steps, scheduler) for steps in (4, 8) for scheduler in ("ddim", "euler", "unipc")
    ]

    grid.get_by_label("Values, with commas between them").first.fill("1 2 3 4 5 6 7 8 9 " * 5)
    expect(grid).to_contain_text("A grid has 100 pictures at most; this one would have 135.")
