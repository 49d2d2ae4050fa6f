"""What guides a picture, on the Create page: chosen by a person, taken by the API as it stands."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage
from playwright.sync_api import Locator, Page, expect

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind
from apps.catalog.services.own_models import set_cover
from apps.generation.models import Job
from apps.images.models import Image
from apps.images.selectors import read_file
from tests.browser.studio import PHONE, Studio
from tests.catalog.factories import make_model
from tests.factories import encode, make_image

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
OpenStudio = Callable[..., Studio]
PHONE_IN_KOREAN: dict[str, Any] = {
    "viewport": PHONE,
    "has_touch": True,
    "color_scheme": "dark",
    "locale": "ko-KR",
}


@pytest.fixture
def shelf(transactional_user: User, starter: GenerationModel) -> dict[str, GenerationModel]:
    """Models of several kinds and families beside the starter model."""
    facts: dict[str, dict[str, Any]] = {
        "ink": {
            "user": transactional_user,
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
    made = {name: make_model(known.pop("user", None), **known) for name, known in facts.items()}
    cover = PillowImage.radial_gradient("L").convert("RGB").resize((256, 256))
    set_cover(user=transactional_user, key=made["ink"].key, picture=encode(cover, "WEBP").read())
    return made


def add(studio: Studio, name: str) -> Locator:
    """Add a part from the menu and return its card."""
    studio.page.locator("#guides-add").click()
    studio.page.locator(f'#guides-menu [data-part="{name}"]').click()
    return studio.page.locator(f'.guide[data-part="{name}"]')


def test_look(new_studio: OpenStudio, transactional_user: User, shelf: Any, shoot: Shoot) -> None:
    studio = new_studio(user=transactional_user)
    studio.open("/create/")
    shoot(studio.page, "create-guides-none")
    studio.page.locator("#model-button").click()
    shoot(studio.page, "model-picker")
    studio.page.keyboard.press("Escape")
    studio.page.locator("#guides-add").click()
    studio.page.wait_for_timeout(500)
    shoot(studio.page, "guides-menu")
    studio.page.keyboard.press("Escape")
    add(studio, "loras")
    studio.page.wait_for_timeout(300)
    shoot(studio.page, "lora-picker")
    studio.page.keyboard.press("Enter")
    studio.page.wait_for_timeout(300)
    for part in ("seamless", "high_res", "variation", "clip_skip", "outpaint", "grid", "regions"):
        add(studio, part)
    studio.page.locator(".regions__board").scroll_into_view_if_needed()
    box = studio.page.locator(".regions__board").bounding_box()
    assert box
    studio.page.mouse.move(box["x"] + 20, box["y"] + 20)
    studio.page.mouse.down()
    studio.page.mouse.move(box["x"] + 150, box["y"] + 120)
    studio.page.mouse.up()
    studio.page.wait_for_timeout(1000)
    cards = studio.page.locator("#settings")
    studio.page.set_viewport_size({"width": 1280, "height": 3600})
    studio.page.wait_for_timeout(300)
    shoot(studio.page, "guides-cards")
