"""What a person does with the cards of the guides on the Create page, and models to do it with."""

import io
from typing import Any, Final

from PIL import Image as PillowImage
from playwright.sync_api import Locator, expect

from apps.accounts.models import User
from apps.catalog.models import ModelKind
from apps.core.storage import file_store
from apps.generation.models import Job
from apps.images.models import Image
from tests.browser.studio import Studio

# Models of several kinds and families; the first is the user's own.
SHELF: Final[dict[str, dict[str, Any]]] = {
    "ink": {
        "name": "Ink and wash",
        "description": "Loose brush lines on wet paper.",
        "trigger_words": ["inkwash", "wet paper"],
        "tags": ["ink", "style"],
        "license": "CC BY 4.0",
        "defaults": {"weight": 0.8},
    },
    "clay": {"key": "clay", "name": "Clay", "base": "sdxl", "tags": ["3d"]},
    "flux": {
        "key": "flux-dev",
        "kind": ModelKind.MAIN,
        "name": "FLUX.1 dev",
        "base": "flux-1",
        "access": "flux_included",
        "description": "Fine detail, and text that can be read.",
        "license": "FLUX.1 dev",
        "default_width": 1024,
        "default_height": 1024,
        "min_size": 256,
        "max_size": 2048,
        "default_steps": 28,
        "default_guidance": 3.5,
        "default_scheduler": "euler",
    },
    "xl": {
        "key": "sdxl-base",
        "kind": ModelKind.MAIN,
        "name": "SDXL base",
        "base": "sdxl",
        "description": "Large pictures of many kinds.",
        "license": "OpenRAIL++",
        "default_width": 1024,
        "default_height": 1024,
        "min_size": 512,
        "max_size": 2048,
        "default_steps": 30,
        "default_guidance": 6,
        "default_scheduler": "euler",
    },
    "canny": {
        "key": "canny",
        "kind": ModelKind.CONTROLNET,
        "name": "Canny",
        "preprocessor": "canny",
    },
}


def add(studio: Studio, name: str) -> Locator:
    """Add a part from the menu and return its card."""
    studio.page.locator("#guides-add").click()
    studio.page.locator(f'#guides-menu [data-part="{name}"]').click()
    return studio.page.locator(f'.guide[data-part="{name}"]')


def chosen(card: Locator, name: str) -> None:
    """Choose the model of that name in the dialog that is open."""
    dialog = card.page.locator("dialog.picker")
    dialog.get_by_role("button", name=name).click()
    expect(dialog).to_have_count(0)


def job_of(studio: Studio, prompt: str) -> Job:
    """Press Generate and return the job that the API made of it."""
    with studio.page.expect_response(lambda answer: answer.url.endswith("/generations")) as answer:
        studio.generate(prompt)
    assert answer.value.status == 202, answer.value.text()
    return Job.objects.get(id=answer.value.json()["id"])


def draw(studio: Studio, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a rectangle on the board, in parts of its sides."""
    board = studio.page.locator(".regions__board")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    assert box is not None
    mouse = studio.page.mouse
    for at, act in ((start, mouse.down), (end, mouse.up)):
        mouse.move(box["x"] + at[0] * box["width"], box["y"] + at[1] * box["height"])
        act()


def white_box(user: User, mask: str) -> tuple[int, int, int, int]:
    """Return the box of what is white in a mask that the page has kept."""
    image = Image.objects.get(user=user, image_name=mask)
    content = b"".join(file_store.pieces(image.s3_key))
    found = PillowImage.open(io.BytesIO(content)).convert("L").getbbox()
    assert found is not None
    return found
