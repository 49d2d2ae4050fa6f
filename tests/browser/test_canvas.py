"""The canvas, as a person works on it: a picture is opened, masked, made anew in a part, and kept."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage
from PIL import ImageChops
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.canvas.models import CanvasDocument, CanvasFile
from apps.canvas.selectors import read_layer_file
from apps.core.tenancy import tenant_scope
from apps.generation.models import Job, JobState
from apps.images.models import Image
from apps.images.services.pictures import upload_image
from tests.browser.studio import MADE_WITHIN_MS, PHONE, Studio
from tests.factories import encode

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
SIDE = 128


@pytest.fixture
def image(transactional_user: User) -> Image:
    """A picture of the size that the starter model makes: a gradient, so that each part differs."""
    red = PillowImage.linear_gradient("L").resize((SIDE, SIDE))
    picture = PillowImage.merge("RGB", (red, red.rotate(90), red.rotate(180)))
    return upload_image(user=transactional_user, file=encode(picture))


def test_a_part_of_a_picture_is_made_anew_and_kept(
    studio: Studio, worker: None, image: Image, transactional_user: User, shoot: Shoot
) -> None:
    page = studio.page
    studio.open(f"/gallery/{image.image_name}/")
    page.get_by_role("link", name="Edit on the canvas").click()
    page.wait_for_url(re.compile(r"/canvas/[0-9a-f-]{36}/$"))
    wait_until_ready(page)
    expect(page.locator("#run-plan-text")).to_contain_text("Works over the picture")
    assert document_of(transactional_user).width == SIDE
    shoot(page, "canvas-opened")

    mask_corner(page)
    expect(page.locator("#run-plan-text")).to_contain_text("Fills the masked part")
    expect(page.locator("#run-credits")).to_contain_text("credit")
    page.get_by_label("Prompt", exact=True).fill("a red circle on a white background")
    page.locator("#run-steps").fill("8")
    page.locator("#run-feather").fill("0")
    shoot(page, "canvas-masked")
    page.get_by_role("button", name="Generate").click()
    results = page.get_by_role("group", name="Results")
    expect(results).to_be_visible(timeout=MADE_WITHIN_MS)
    shoot(page, "canvas-staged")
