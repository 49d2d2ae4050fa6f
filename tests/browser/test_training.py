"""Training in the browser: a set by mouse and keyboard, its price, and a training on its way."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from apps.accounts.models import User
from apps.accounts.services.users import set_language
from apps.catalog.models import GenerationModel
from apps.generation.announcements import announce_start
from apps.generation.models import Job, JobState
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.training.models import TrainingPicture, TrainingRun, TrainingSet
from apps.training.services.results import note_losses
from apps.training.services.runs import cancel_run
from tests.browser.studio import PHONE, Studio
from tests.browser.test_axe import serious
from tests.lora_training.factories import (
    make_drawn_image,
    make_run,
    make_sample,
    make_set,
)
from tests.stack import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
TRAINED_WITHIN_MS = 240_000
_LEFT_EDGES = "all => all.map(one => one.getBoundingClientRect().left)"


@pytest.fixture
def trainer(transactional_user: User) -> User:
    start_subscription(user=transactional_user, plan=PLANS["enterprise"])
    return transactional_user


def captions_of(found: TrainingSet) -> list[str]:
    rows = TrainingPicture.objects.filter(training_set=found).order_by("position", "id")
    return list(rows.values_list("caption", flat=True))


def test_a_set_is_made_captioned_by_keyboard_priced_and_trained(
    trainer: User, studio: Studio, shoot: Shoot
) -> None:
    for colour in ("red", "green", "blue"):
        make_drawn_image(trainer, colour=colour)
    page = studio.page
    studio.open("/training/")
    page.get_by_role("button", name="Make the first set").click()
    page.get_by_label("Name").fill("Discs")
    page.keyboard.press("Enter")
    page.wait_for_url("**/training/sets/*/")
    studio.settle()

    page.get_by_role("button", name="Add pictures").click()
    picker = page.get_by_role("dialog", name="Add pictures")
    picker.get_by_role("searchbox").fill("nothing of this kind")
    expect(picker.get_by_text("No picture is like that.")).to_be_visible()
    picker.get_by_role("searchbox").fill("")
    for box in ("a red disc", "a green disc", "a blue disc"):
        picker.get_by_role("checkbox", name=box).check()
    shoot(page, "training-picker")
    picker.get_by_role("button", name="Add 3 pictures").click()
    fields = page.locator(".caption__text")
    expect(fields).to_have_count(3)
    found = TrainingSet.objects.get()
    expect(fields.nth(0)).to_be_focused()

    page.keyboard.press("Control+a")
    page.keyboard.type("a round thing")
    page.keyboard.press("Enter")
    expect(fields.nth(1)).to_be_focused()
    page.keyboard.type("never mind")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Move it back").first.click()
    expect(fields.nth(1)).to_have_value("a round thing")
    expect(page.get_by_label("Caption of picture 2")).to_have_value("a round thing")
    expected = ["a green disc", "a round thing", "a blue disc"]
    wait_until(lambda: captions_of(found) == expected, seconds=30, what="keeping the order")
    expect(page.get_by_role("button", name="Move it forward").first).to_be_disabled()
    expect(page.get_by_role("button", name="Move it back").last).to_be_disabled()
    page.get_by_role("button", name="Move it back").nth(1).click()
    # What may go no further hands its focus to the way back.
    expect(page.get_by_role("button", name="Move it forward").last).to_be_focused()
    expected = ["a green disc", "a blue disc", "a round thing"]
    wait_until(lambda: captions_of(found) == expected, seconds=30, what="keeping the order")

    title = page.get_by_label("Name of the set")
    title.fill(" ")
    page.get_by_label("Trigger word").fill("zorg")
    expect(title).to_have_value("Discs")
    page.get_by_label("Steps").fill("5")
    expect(page.locator("#train-steps-error")).not_to_be_empty()
    expect(page.locator("#quote-note")).to_have_text("The price is known once nothing is wrong.")
    studio.excuse("422")
    page.get_by_label("Steps").fill("4000")
    expect(page.locator("#quote")).to_contain_text("At most")
    limit = page.get_by_label("Your limit, in credits")
    expect(limit).to_have_attribute("placeholder", re.compile(r"^\d+$"))
    limit.fill("1")
    page.get_by_role("button", name="Start the training").click()
    expect(page.locator("#train-max_credits-error")).to_contain_text("more than the 1")
    studio.excuse("409")
    assert not Job.objects.exists()
    shoot(page, "training-set")
    limit.fill("100000")
    page.get_by_role("button", name="Start the training").click()
    page.wait_for_url(lambda url: "/sets/" not in url and url.endswith("/"))
    studio.settle()
    expect(page.get_by_role("status").filter(has_text="Waiting for a GPU")).to_be_visible()

    page.get_by_role("button", name="Cancel").first.click()
    studio.answer("Cancel the training")
    expect(page.locator("#state")).to_have_text("Cancelled")
    assert Job.objects.get().state == JobState.CANCELLED
    # Without a point the axis of the losses is that of one.
    expect(page.locator(".losses__label--scale")).to_have_text(["0", "0.25", "0.5", "0.75", "1"])
    # Nothing is held before its price is agreed to.
    page.get_by_role("button", name="Start again").click()
    question = page.get_by_role("dialog", name="Start this training again?")
    expect(question).to_contain_text(re.compile(r"At most [\d,]+ credits"))
    studio.answer("Not now")
    assert Job.objects.count() == 1
    page.get_by_role("button", name="Start again").click()
    studio.answer("Start again")
    expect(page.locator("#state")).to_have_text("Waiting for a GPU")
    assert Job.objects.filter(state=JobState.QUEUED).count() == 1
    run = TrainingRun.objects.get()
    assert run.settings["trigger"] == "zorg"

    Job.objects.filter(id=run.job_id).update(
        state=JobState.FAILED, error_code="training_diverged", finished_at=timezone.now()
    )
    page.reload()
    expect(page.locator("#state")).to_contain_text("Try a lower learning rate")
    expect(page.get_by_role("button", name="Start again")).to_be_hidden()


def test_a_training_begins_once_with_all_that_is_said_and_at_the_price_that_was_shown(
    trainer: User, studio: Studio
) -> None:
    found = make_set(trainer, pictures=4)
    page = studio.page
    studio.open(f"/training/sets/{found.id}/")
    start = page.get_by_role("button", name="Start the training")
    expect(start).to_be_enabled()

    # Without its captions it would learn something else.
    page.route("**/images", lambda route: route.fulfill(status=503))
    page.locator(".caption__text").first.fill("a round thing")
    start.click()
    toasts = page.locator(".toast--error")
    expect(toasts).not_to_have_count(0)
    expect(start).to_be_enabled()
    studio.excuse("503")
    page.unroute("**/images")
    assert not Job.objects.exists()

    # A picture goes behind its caption, which may still wait for another one.
    writes: list[str] = []
    held: list[Route] = []

    def hold_first(route: Route) -> None:
        writes.append(route.request.url.rpartition("/")[2])
        if len(writes) == 1:
            held.append(route)
        else:
            route.continue_()

    pictures = re.compile(r"/images(/remove)?$")
    page.route(pictures, hold_first)
    fields = page.locator(".caption__text")
    fields.nth(1).fill("a slow thing")
    with page.expect_request(pictures):
        fields.last.fill("a thing too many")
    page.get_by_role("button", name="Take it out of the set").last.click()
    held.pop().continue_()
    expect(fields).to_have_count(3)
    assert writes == ["images", "images", "remove"]
    page.unroute(pictures)

    # A price that was never shown is not agreed to.
    page.route("**/training/quote", lambda route: held.append(route))
    page.get_by_label("Steps").fill("4000")
    start.click()
    page.route("**/training/quote", lambda route: route.continue_())
    for route in held:
        route.continue_()
    expect(page.get_by_text("The price has gone up")).to_be_visible()
    assert captions_of(found)[0] == "a round thing"
    assert not Job.objects.exists()

    # A limit that cannot be read is one all the same.
    limit = page.get_by_label("Your limit, in credits")
    limit.press_sequentially("1e")
    start.click()
    expect(page.locator("#train-max_credits-error")).not_to_be_empty()
    studio.excuse("422")
    assert not Job.objects.exists()
    limit.fill("")
    page.locator("#train details summary").click()
    rate = page.get_by_label("Learning rate")
    rate.fill("0,0001")
    expect(page.locator("#train-learning_rate-error")).to_contain_text("valid number")
    studio.excuse("422")
    rate.fill("0.0001")
    expect(start).to_be_enabled()
    expect(page.locator("#price")).to_have_attribute("data-state", "ready")

    # The quote has expired; then the answer is lost; then it is pressed again.
    tries: list[str] = []

    def meddle(route: Route) -> None:
        tries.append(str(route.request.headers["idempotency-key"]))
        if len(tries) == 1:
            said = route.request.post_data_json or {}
            route.continue_(post_data=said | {"quote": "old"})
        elif len(tries) == 2:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    # To press Start is to leave a caption, whose write it waits for.
    saves: list[str] = []

    def save_slowly(route: Route) -> None:
        saves.append(route.request.method)
        time.sleep(0.3)
        route.continue_()

    page.route("**/images", save_slowly)
    page.route("**/training/runs", meddle)
    page.locator(".caption__text").nth(1).fill("another thing")
    start.click()
    expect(toasts.filter(has_text="cannot be reached")).to_be_visible()
    studio.excuse("409")
    studio.excuse("ERR_FAILED")
    start.click()
    page.wait_for_url(lambda url: "/sets/" not in url and url.endswith("/"))
    assert len(tries) == 3
    assert saves == ["PATCH"]
    learnt = [picture["caption"] for picture in TrainingRun.objects.get().pictures]
    assert learnt[:2] == ["a round thing", "another thing"]
    assert Job.objects.count() == 1

    # A new sample takes nobody away from the earlier ones.
    run = TrainingRun.objects.get()
    for step in range(10):
        make_sample(run, step=step)
    page.reload()
    samples = page.locator("#samples")
    expect(samples.locator("img")).to_have_count(10)
    assert samples.evaluate("place => place.scrollLeft") > 0
    samples.evaluate("place => { place.scrollLeft = 40; }")
    make_sample(run, step=10)
    announce_start(Job.objects.get())
    expect(samples.locator("img")).to_have_count(11)
    assert samples.evaluate("place => place.scrollLeft") == 40

    # Its end takes no words away from whoever names a set meanwhile.
    studio.open("/training/")
    page.get_by_role("button", name="New set").click()
    page.get_by_label("Name").fill("Squares")
    cancel_run(user=trainer, run_id=run.id)
    page.wait_for_timeout(1000)
    expect(page.get_by_label("Name")).to_have_value("Squares")
    page.keyboard.press("Escape")
    expect(page.locator(".run-row[data-state=cancelled]")).to_be_visible()


def test_another_plan_is_told_honestly_what_it_would_take(
    studio: Studio, shoot: Shoot, transactional_user: User
) -> None:
    studio.open("/training/")

    offer = studio.page.locator(".training__offer")
    expect(offer).to_contain_text("The smallest plan that does: Enterprise.")
    expect(studio.page.get_by_role("button", name="New set")).to_have_count(0)
    shoot(studio.page, "training-offer")
    assert studio.overflow() == 0


@pytest.mark.slow
def test_the_pages_fit_light_and_dark_on_a_phone_and_in_korean(
    new_studio: Callable[..., Studio], trainer: User, starter: GenerationModel, shoot: Shoot
) -> None:
    found = make_set(trainer, pictures=4, name="A" * 100)
    run = make_run(trainer, found, steps=400, name="Discs of " + "w" * 80, sample_every=50)
    curve = [
        [step, 0.6 / (1 + step / 60) + 0.1 * ((step * 7919) % 13) / 13] for step in range(1, 260)
    ]
    assert note_losses(run, step=259, losses=curve)
    for step in (50, 100, 150, 200, 250):
        make_sample(run, step=step)
    make_run(trainer, found, name="Another")
    pages = {
        "list": "/training/",
        "set": f"/training/sets/{found.id}/",
        "run": f"/training/{run.id}/",
    }
    windows: dict[str, dict[str, Any]] = {
        "desk": {},
        "dark": {"color_scheme": "dark"},
        "phone": {"viewport": PHONE, "has_touch": True},
        "korean": {"locale": "ko-KR"},
    }
    for name, window in windows.items():
        set_language(user=trainer, language="ko" if name == "korean" else "en")
        studio = new_studio(user=trainer, **window)
        for page, path in pages.items():
            studio.open(path)
            if page == "run":
                expect(studio.page.locator(".losses__mean")).to_be_visible()
                expect(studio.page.locator(".samples__step")).to_have_count(5)
            elif page == "list":
                states = studio.page.locator(".run-row__state")
                assert len(set(states.evaluate_all(_LEFT_EDGES))) == 1
            shoot(studio.page, f"training-{page}-{name}")
            assert studio.overflow() == 0, (page, name)
            assert serious(studio.page) == [], (page, name)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_training_is_watched_to_its_end_and_used_in_the_studio(
    studio: Studio, trainer: User, starter: GenerationModel, worker: None, shoot: Shoot
) -> None:
    found = make_set(trainer)
    run = make_run(
        trainer, found, steps=12, sample_every=4, sample_prompts=["zorg"], name="My discs"
    )
    page = studio.page
    studio.open(f"/training/{run.id}/")

    expect(page.locator("#state")).to_have_text("Learning", timeout=TRAINED_WITHIN_MS)
    expect(page.locator(".samples__step")).not_to_have_count(0, timeout=TRAINED_WITHIN_MS)
    expect(page.locator("#left")).to_contain_text("left")
    shoot(page, "training-live")
    expect(page.locator("#state")).to_have_text(
        "Done: the LoRA is in your models", timeout=TRAINED_WITHIN_MS
    )
    expect(page.locator(".samples__step")).to_have_count(3)
    shoot(page, "training-done")

    page.get_by_role("link", name="Use it in the studio").click()
    page.wait_for_url("**/create/**")
    studio.settle()
    expect(studio.prompt).to_have_value("zorg")
    expect(page.locator("#guides")).to_contain_text("My discs")
