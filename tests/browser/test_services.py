"""Other people's image services, as one uses them: prices, a key of one's own, pictures."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.credits.selectors import read_balance
from apps.generation.provided import enter_models_of_providers
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import TIER_BY_QUEUE
from tests.browser.studio import PHONE, Studio
from tests.database import session_database_url
from tests.providers.stand_in import STABILITY_KEY, StandIn, serving
from tests.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Shoot = Callable[[Page, str], Path]
OWN_KEY = "sk-own-key-of-the-browser-4242"
MEDIUM = "gpt-image-1-5-medium"


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with serving() as served:
        served.keys.add(OWN_KEY)
        yield served


@pytest.fixture(scope="module")
def stack(django_db_setup: None, stand_in: StandIn) -> Iterator[Stack]:
    """Run web and worker with a key of the house for the one provider alone."""
    environment = {
        "EASEL_DATABASE_URL": session_database_url(),
        "EASEL_OPENAI_URL": stand_in.openai_url,
        "EASEL_STABILITY_URL": stand_in.url,
        "EASEL_STABILITY_API_KEY": STABILITY_KEY,
        "EASEL_PROVIDER_KEYS_SECRET": "for tests of the browser alone, and long enough",
    }
    with Stack(environment) as running:
        running.start_web()
        running.start_worker(queues=",".join(TIER_BY_QUEUE))
        yield running


@pytest.fixture
def pro(transactional_user: User, starter: GenerationModel) -> User:
    start_subscription(user=transactional_user, plan=PLANS["pro"])
    enter_models_of_providers()
    return transactional_user


def choose_model(page: Page, key: str) -> None:
    page.locator("#model-button").click()
    page.locator(f'.picker li[data-key="{key}"] .picker__choose').click()


def save_key(studio: Studio, key: str) -> None:
    studio.open("/settings/services/")
    card = studio.page.locator("#openai")
    card.locator('input[name="key"]').fill(key)
    card.get_by_role("button", name="Save the key").click()
    studio.settle()


def test_a_key_of_ones_own_is_saved_hidden_used_and_deleted(
    new_studio: Callable[..., Studio], pro: User, stand_in: StandIn, shoot: Shoot
) -> None:
    studio = new_studio(user=pro)
    page = studio.page
    studio.open("/settings/")
    page.get_by_role("link", name="See the services").click()
    studio.settle()
    card = page.locator("#openai")
    expect(card).to_contain_text("We have no key for this service")
    shoot(page, "services-before")
    # Without any key its models are not offered.
    studio.open("/create/")
    expect(page.locator(f'#model option[value="{MEDIUM}"]')).to_have_count(0)
    expect(page.locator('#model option[value="stable-image-core"]')).to_have_count(1)

    save_key(studio, "sk-some-key-that-nobody-knows")
    expect(card.get_by_role("alert")).to_have_text("The provider does not accept this key.")
    studio.excuse("422")
    save_key(studio, OWN_KEY)
    expect(page.get_by_text("Your key is saved, and the service accepts it.")).to_be_visible()
    expect(card).to_contain_text("…4242")
    assert OWN_KEY[:-4] not in page.content()
    assert studio.overflow() == 0
    shoot(page, "services-with-key")

    before = read_balance(user_id=pro.id).available
    studio.open("/create/")
    choose_model(page, MEDIUM)
    expect(page.locator("#model-service")).to_have_text(
        "OpenAI makes these pictures, by your own key. Your prompt goes there."
    )
    for name in ("steps", "guidance_scale", "scheduler", "seed", "strength"):
        expect(page.locator(f"#{name}")).to_be_hidden()
    expect(page.locator("#size-numbers")).to_be_hidden()
    page.get_by_label("Size in pixels").select_option("1536x1024")
    page.locator('#num_images input[value="2"]').check(force=True)
    expect(page.locator("#price-credits")).to_have_text("2 credits")
    shoot(page, "services-create")
    studio.generate("a red circle")
    studio.wait_for_picture()
    shoot(page, "services-made")
    assert read_balance(user_id=pro.id).available == before - 2
    assert stand_in.calls[-1].key == OWN_KEY
    assert (stand_in.calls[-1].fields["size"], stand_in.calls[-1].fields["n"]) == ("1536x1024", "2")

    calls = len(stand_in.calls)
    studio.open("/usage/")
    page.locator('a[href*="/usage/receipts/"]').first.click()
    studio.settle()
    expect(page.locator(".receipt")).to_contain_text("1 credit a picture")
    expect(page.locator(".receipt")).to_contain_text("OpenAI, your own key")
    shoot(page, "services-receipt")

    studio.open("/settings/services/")
    card.get_by_role("button", name="Delete your key for OpenAI").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Your key is deleted.")).to_be_visible()
    expect(card).to_contain_text("We have no key for this service")
    assert len(stand_in.calls) == calls


def test_the_house_makes_pictures_at_its_price_on_a_phone_in_korean(
    new_studio: Callable[..., Studio], pro: User, stand_in: StandIn, shoot: Shoot
) -> None:
    studio = new_studio(
        user=pro, viewport=PHONE, has_touch=True, color_scheme="dark", locale="ko-KR"
    )
    page = studio.page
    studio.open("/settings/services/")
    expect(page.get_by_role("heading", name="이미지 서비스")).to_be_visible()
    expect(page.locator("#stability")).to_contain_text("Easel 키로 그림을 만들며")
    assert studio.overflow() == 0
    shoot(page, "services-phone-korean")

    studio.open("/create/")
    page.locator("#settings > summary").click()
    page.locator("#model-button").click()
    core = page.locator('.picker li[data-key="stable-image-core"]')
    expect(core).to_contain_text("1,024 × 1,024 · 한 장에 9크레딧")
    shoot(page, "services-picker-phone-korean")
    core.locator(".picker__choose").click()
    expect(page.locator("#model-service")).to_contain_text("Stability AI에서 Easel 키로")
    expect(page.locator("#price-credits")).to_have_text("9크레딧")
    assert studio.overflow() == 0
    shoot(page, "services-create-phone-korean")


def test_a_first_picture_by_a_service_is_offered_what_there_is(
    new_studio: Callable[..., Studio], pro: User, starter: GenerationModel, shoot: Shoot
) -> None:
    studio = new_studio(user=pro)
    page = studio.page
    studio.open("/create/")
    expect(page.get_by_text("Pick an example")).to_be_visible()
    expect(page.get_by_text("Take one of these")).to_be_visible()
    menu = page.locator("#guides-menu")
    items = menu.locator(".guides-menu__item:visible")
    page.locator("#guides-add").click()
    every = menu.locator(".guides-menu__item").count()
    expect(items).to_have_count(every)
    page.keyboard.press("Escape")

    choose_model(page, "stable-image-core")
    expect(page.get_by_text("Pick an example")).to_be_hidden()
    expect(page.locator("#first-steps")).to_contain_text("Describe a picture")
    expect(page.get_by_text("Take one of these")).to_be_hidden()
    expect(page.get_by_role("heading", name="The easel is empty")).to_be_visible()
    page.locator("#guides-add").click()
    expect(items).to_have_count(1)
    expect(items).to_contain_text("X/Y grid")
    expect(menu.locator(".guides-menu__heading:visible")).to_have_count(1)
    shoot(page, "services-first-picture")
    page.keyboard.press("Escape")

    choose_model(page, starter.key)
    expect(page.get_by_text("Take one of these")).to_be_visible()
    page.locator("#guides-add").click()
    expect(items).to_have_count(every)
