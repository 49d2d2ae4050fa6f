"""The page of models in the browser: a file is sent in parts, becomes a model, and is deleted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from apps.accounts.models import User
from apps.catalog.installs.making import make_installs
from apps.catalog.models import GenerationModel
from apps.catalog.services import install_starter_model
from tests.browser.studio import PHONE, Studio
from tests.catalog.factories import make_model
from tests.catalog.weights import LORA_OF_SD_15, weights

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
PART = 8 * 1024**2


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> None:
    settings.EASEL_INSTALL_DIRECTORY = tmp_path


def test_a_file_is_sent_in_parts_and_becomes_a_model(
    studio: Studio, transactional_user: User
) -> None:
    content = weights(LORA_OF_SD_15, {"filler": "x" * PART})
    page = studio.page
    studio.open("/models/")
    page.get_by_label("Name").fill("Ink")

    page.locator("#upload-file").set_input_files(
        FilePayload(name="ink.safetensors", mimeType="application/octet-stream", buffer=content)
    )

    installs = page.locator("#installs")
    expect(installs.get_by_text("ink.safetensors")).to_be_visible()
    expect(installs.get_by_text("waiting", exact=False)).to_be_visible()
    assert make_installs() == 1
    # The page reloads once what was open has ended.
    mine = page.locator(".models__item", has_text="Ink")
    expect(mine).to_be_visible()
    expect(mine).to_contain_text("Stable Diffusion 1.5")

    mine.get_by_role("button", name="Delete").click()
    studio.answer("Delete")
    expect(mine).to_have_count(0)
    assert not GenerationModel.objects.filter(user=transactional_user).exists()


def test_the_page_fits_into_a_phone_with_long_words(
    new_studio: Callable[..., Studio], transactional_user: User, shoot: Shoot
) -> None:
    install_starter_model()
    make_model(
        transactional_user,
        name="A" * 100,
        description="Long " + "w" * 200,
        trigger_words=["t" * 100],
        tags=["ink", "style"],
    )
    make_model(None, key="flux-lora", base="flux-1", access="flux_included", license="other")
    for window in ({"viewport": PHONE, "has_touch": True}, {"color_scheme": "dark"}):
        studio = new_studio(user=transactional_user, **window)
        studio.open("/models/")
        shoot(studio.page, f"models-{'phone' if 'viewport' in window else 'dark'}")
        assert studio.overflow() == 0
