"""What a person sees of credits: the price before the click, the balance, usage, receipts."""

import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Request, Route, expect

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.credits.models import ActionType, Hold, UsageRecord
from apps.credits.services.ledger import release_hold
from apps.generation.models import Job
from apps.plans.models import Subscription
from tests.browser.studio import DESKTOP, PHONE, Studio
from tests.credits.moves import hold_for
from tests.factories import make_job

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
WINDOWS: list[Any] = [
    pytest.param({"viewport": DESKTOP, "color_scheme": "light"}, id="desktop-light"),
    pytest.param({"viewport": DESKTOP, "color_scheme": "dark"}, id="desktop-dark"),
    pytest.param({"viewport": PHONE, "color_scheme": "light", "has_touch": True}, id="phone-light"),
    pytest.param({"viewport": PHONE, "color_scheme": "dark", "has_touch": True}, id="phone-dark"),
]
QUOTE = "**/api/v1/generations/quote"
CREATE = "**/api/v1/generations"


def body_of(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = request.post_data_json or {}
    return body


def price(studio: Studio) -> str:
    return studio.page.locator("#price-credits").inner_text()


def expect_price(studio: Studio, text: str) -> None:
    expect(studio.page.locator("#price-credits")).to_have_text(text)


def credits_shown(studio: Studio) -> int:
    expect(studio.page.locator("#price")).to_have_attribute("data-state", "ready")
    return int(price(studio).split()[1].replace(",", ""))


def settle_on(studio: Studio, count: str) -> int:
    """Choose a number of pictures and return the price that comes."""
    with studio.page.expect_response(QUOTE):
        studio.page.locator(f'input[name="num_images"][value="{count}"]').check(force=True)
    return credits_shown(studio)


def test_the_price_follows_the_settings_and_nothing_moves(
    studio: Studio, transactional_user: User
) -> None:
    studio.open("/create/")
    expect(studio.page.locator("#price-balance")).to_have_text("of 500")
    button = studio.page.locator("#generate")
    studio.set_steps(100)
    studio.page.locator("#settings").evaluate("panel => panel.scrollTo(0, 0)")
    one = credits_shown(studio)
    place = button.bounding_box()

    four = settle_on(studio, "4")

    assert four > one >= 1
    assert button.bounding_box() == place
    assert not Job.objects.exists()
    assert not Hold.objects.exists()


def test_only_what_costs_asks_for_a_price_and_a_burst_asks_once(studio: Studio) -> None:
    asked: list[dict[str, Any]] = []

    def listen(request: Request) -> None:
        if request.url.endswith("/generations/quote"):
            asked.append(body_of(request))

    studio.page.on("request", listen)
    studio.open("/create/")
    credits_shown(studio)
    asked.clear()

    studio.prompt.fill("a red circle")
    studio.open_advanced()
    studio.page.get_by_label("Seed", exact=True).fill("77")
    studio.page.get_by_role("button", name="Negative").click()
    studio.page.get_by_label("Negative prompt").fill("blur")
    for steps in ("31", "32", "33", "34", "35"):
        studio.page.get_by_role("spinbutton", name="Steps").fill(steps)
    studio.page.wait_for_timeout(800)

    assert [each["steps"] for each in asked] == [35]
    assert "prompt" not in asked[0]


def test_a_stale_price_never_replaces_a_newer_one(studio: Studio) -> None:
    held: list[Route] = []

    def answer(route: Route) -> None:
        if body_of(route.request)["steps"] == 90:
            held.append(route)
        else:
            route.fulfill(json={"credits": 7, "available": 500, "token": "t"})

    studio.open("/create/")
    studio.page.route(QUOTE, answer)
    studio.set_steps(90)
    studio.page.wait_for_timeout(500)
    studio.set_steps(91)
    expect_price(studio, "≈ 7 credits")
    assert len(held) == 1

    held[0].fulfill(json={"credits": 99, "available": 500, "token": "t"})
    studio.page.wait_for_timeout(300)

    assert price(studio) == "≈ 7 credits"


def test_a_click_before_the_price_is_there_does_not_go_at_the_price_of_other_settings(
    studio: Studio,
) -> None:
    studio.open("/create/")
    credits_shown(studio)
    studio.page.route(QUOTE, lambda _route: None)
    studio.set_steps(44)

    with studio.page.expect_request(CREATE) as sent:
        studio.generate("a red circle")

    expect(studio.stage).not_to_have_attribute("data-state", "empty")
    assert "quote" not in body_of(sent.value)
    assert Job.objects.get().parameters["steps"] == 44


def test_settings_out_of_bounds_have_no_price_and_are_not_asked_for(studio: Studio) -> None:
    studio.open("/create/")
    credits_shown(studio)

    studio.page.get_by_label("Width in pixels").fill("130")

    expect(studio.page.locator("#price")).to_have_attribute("data-state", "none")
    expect_price(studio, "–")
    # Had it been asked for, the console would tell of a 422, and the window may not complain.
    studio.page.wait_for_timeout(500)


def test_too_few_credits_are_said_before_the_click_and_lead_to_plans(
    new_studio: Callable[..., Studio], transactional_user: User, shoot: Shoot
) -> None:
    other = uuid.uuid4()
    hold_for(user_id=transactional_user.id, job_id=other, amount=500)
    for kind, window in (
        ("desktop-light", {}),
        ("phone-dark", {"viewport": PHONE, "has_touch": True, "color_scheme": "dark"}),
    ):
        studio = new_studio(user=transactional_user, **window)
        studio.open("/create/")

        plans = studio.page.get_by_role("link", name="Get more credits")
        expect(plans).to_be_visible()
        expect(plans).to_have_attribute("href", "/account/plan/")
        expect(studio.page.get_by_role("button", name="Generate")).to_be_hidden()
        expect(studio.page.locator("#price-balance")).to_have_text("of 0")
        shoot(studio.page, f"create-too-few-{kind}")
        assert studio.overflow() == 0
        studio.prompt.fill("a red circle")
        studio.page.keyboard.press("Control+Enter")
        expect(plans).to_be_focused()
    assert not Job.objects.exists()

    release_hold(user_id=transactional_user.id, job_id=other)

    # Told over the socket.
    expect(studio.page.get_by_role("button", name="Generate")).to_be_visible()
    expect(studio.page.locator("#price-balance")).to_have_text("of 500")
    expect(studio.page.locator("#balance-number")).to_have_text("500")


def test_a_refusal_for_lack_of_credits_tells_both_numbers(
    studio: Studio, transactional_user: User
) -> None:
    studio.open("/create/")
    credits_shown(studio)
    refusal = {
        "detail": "This needs 4 credits and you have 2.",
        "code": "insufficient_credits",
        "error_id": "e",
        "required": 4,
        "available": 0,
    }
    studio.page.route(CREATE, lambda route: route.fulfill(status=402, json=refusal))

    studio.generate("a red circle")

    expect(studio.page.get_by_text("This needs 4 credits and you have 2.")).to_be_visible()
    expect(studio.page.get_by_role("link", name="Get more credits")).to_be_visible()
    expect(studio.page.locator("#balance-number")).to_have_text("0")
    studio.excuse("402")


def test_a_paused_plan_is_told_up_front(
    studio: Studio, transactional_user: User, shoot: Shoot
) -> None:
    Subscription.objects.update(valid_until=timezone.now())
    studio.open("/create/")

    why = studio.page.get_by_text("Your plan has ended, so nothing new is made.")
    expect(why.locator("visible=true")).to_have_count(1)
    expect(studio.page.get_by_role("link", name="See plans")).to_be_visible()
    expect(studio.page.get_by_role("button", name="Generate")).to_be_hidden()
    shoot(studio.page, "create-paused")


def test_a_plan_that_is_paused_meanwhile_is_told_at_the_click(
    studio: Studio, transactional_user: User
) -> None:
    studio.open("/create/")
    credits_shown(studio)
    Subscription.objects.update(valid_until=timezone.now())

    studio.generate("a red circle")

    expect(studio.page.locator("#refusal")).to_contain_text("Your plan has ended")
    expect(studio.page.get_by_role("link", name="See plans")).to_be_visible()
    assert not Job.objects.exists()
    studio.excuse("403")


def test_without_a_price_a_picture_can_be_asked_for_all_the_same(
    studio: Studio, shoot: Shoot
) -> None:
    studio.page.route(QUOTE, lambda route: route.abort())
    studio.open("/create/")
    expect_price(studio, "No price just now")
    shoot(studio.page, "create-no-price")

    studio.generate("a red circle")

    expect(studio.stage).not_to_have_attribute("data-state", "empty")
    assert Job.objects.count() == 1
    studio.page.unroute(QUOTE)
    studio.set_steps(21)
    assert credits_shown(studio) >= 1
    studio.excuse("ERR_FAILED")


@pytest.fixture
def posted(studio: Studio) -> list[tuple[str, dict[str, Any]]]:
    """Collect key and body of every POST of a job, and refuse the first one's quote."""
    seen: list[tuple[str, dict[str, Any]]] = []
    expired = {"detail": "x", "code": "quote_expired", "error_id": "e"}

    def answer(route: Route) -> None:
        if route.request.method != "POST":
            route.fallback()
            return
        seen.append((route.request.headers["idempotency-key"], body_of(route.request)))
        if len(seen) == 1:
            route.fulfill(status=409, json=expired)
        else:
            route.fallback()

    studio.page.route(CREATE, answer)
    return seen


def test_an_expired_price_that_is_no_higher_is_renewed_by_itself(
    studio: Studio, posted: list[tuple[str, dict[str, Any]]]
) -> None:
    studio.open("/create/")
    quoted = credits_shown(studio)

    with studio.page.expect_response(QUOTE) as renewed:
        studio.generate("a red circle")

    expect(studio.stage).not_to_have_attribute("data-state", "empty")
    (first_key, _first), (second_key, second) = posted
    assert first_key == second_key
    assert second["quote"] == renewed.value.json()["token"]
    assert Hold.objects.get().amount == quoted
    studio.excuse("409")


def test_a_price_that_has_gone_up_waits_for_the_click(
    studio: Studio, posted: list[tuple[str, dict[str, Any]]]
) -> None:
    studio.open("/create/")
    credits_shown(studio)

    def dearer(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"credits": 400})

    studio.page.route(QUOTE, dearer)
    studio.generate("a red circle")

    expect(studio.page.locator("#form-error")).to_contain_text("The price has gone up")
    expect_price(studio, "≈ 400 credits")
    assert len(posted) == 1
    assert not Job.objects.exists()

    studio.page.get_by_role("button", name="Generate").click()
    expect(studio.stage).not_to_have_attribute("data-state", "empty")
    assert len(posted) == 2
    studio.excuse("409")


@pytest.mark.usefixtures("worker")
def test_the_balance_falls_with_a_picture_and_the_receipt_tells_why(
    studio: Studio, transactional_user: User, shoot: Shoot
) -> None:
    studio.open("/create/")
    expect(studio.page.locator("#balance-number")).to_have_text("500")
    studio.set_steps(3)
    quoted = credits_shown(studio)

    studio.generate("a red circle on a white background")
    studio.wait_for_picture()
    job = Job.objects.get()
    charged = UsageRecord.objects.get().credits_consumed

    assert 1 <= charged <= quoted
    for shown in ("#balance-number", "#price-balance"):
        expect(studio.page.locator(shown)).to_contain_text(str(500 - charged))
    studio.page.get_by_role("link", name="Gallery", exact=True).click()
    studio.settle()
    studio.tiles.click()
    studio.viewer.get_by_role("link", name="Receipt").click()
    expect(studio.page.locator(".receipt__charged")).to_have_text(str(charged))
    expect(studio.page).to_have_url(
        f"{studio.page.url.split('/usage')[0]}/usage/receipts/{job.id}/"
    )
    shoot(studio.page, "receipt")


def use(user: User, *, day: int, credits: int, model: str) -> None:
    # The row cannot be changed afterwards.
    now = timezone.now().replace(day=day, hour=12)
    with mock.patch.object(timezone, "now", return_value=now):
        UsageRecord.objects.create(
            user=user,
            job_id=uuid.uuid4(),
            action_type=ActionType.GENERATION,
            model_used=model,
            gpu_tier="basic",
            steps=20,
            width=512,
            height=512,
            batch_size=1,
            compute_seconds=Decimal(credits),
            credits_consumed=credits,
        )


@pytest.mark.parametrize("window", WINDOWS)
def test_usage_reads_well_in_every_window(
    new_studio: Callable[..., Studio],
    transactional_user: User,
    starter: GenerationModel,
    window: dict[str, Any],
    shoot: Shoot,
    request: pytest.FixtureRequest,
) -> None:
    kind = request.node.callspec.id
    studio = new_studio(user=transactional_user, **window)
    studio.open("/usage/")
    expect(studio.page.get_by_role("heading", name="Nothing was made in")).to_be_visible()
    shoot(studio.page, f"usage-empty-{kind}")
    assert studio.overflow() == 0

    for day in range(1, 29):
        use(transactional_user, day=day, credits=(day * 37) % 90 + 1, model=starter.key)
        if day % 3:
            use(transactional_user, day=day, credits=(day * 53) % 40 + 1, model="flux-dev")
        if day % 4 == 0:
            use(transactional_user, day=day, credits=12, model="sdxl")
    job = make_job(transactional_user, starter, prompt="a city skyline at night with a moon")
    studio.open("/usage/")

    chart = studio.page.get_by_role("img", name="Credits by day, stacked by model")
    expect(chart).to_be_visible()
    assert chart.locator("rect").count() == 28 + 19 + 7
    shoot(studio.page, f"usage-{kind}")
    assert studio.overflow() == 0
    studio.page.get_by_text("As a table").click()
    expect(studio.page.locator(".numbers").first.locator("tbody tr")).to_have_count(28)
    path = shoot(studio.page, f"usage-table-{kind}")
    studio.page.screenshot(path=path, full_page=True)
    assert studio.overflow() == 0
    if window["viewport"] == PHONE:
        small = studio.page.evaluate(
            """() => [...document.querySelectorAll("a, button, select, summary")]
              .filter((e) => e.checkVisibility() && !e.matches(".skip-link"))
              .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height])
              .filter(([, height]) => height < 43.5)"""
        )
        assert small == []
    studio.open(f"/usage/receipts/{job.id}/")
    shoot(studio.page, f"receipt-waiting-{kind}")
    assert studio.overflow() == 0


def test_the_csv_is_saved_under_the_name_of_its_month(
    studio: Studio, transactional_user: User, starter: GenerationModel
) -> None:
    job = make_job(transactional_user, starter)
    studio.open("/usage/")

    with studio.page.expect_download() as saved:
        studio.page.get_by_role("link", name="CSV").click()

    assert saved.value.suggested_filename == f"easel-receipts-{timezone.now():%Y-%m}.csv"
    lines = Path(saved.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(str(job.id))


def test_the_web_process_may_read_all_that_the_api_tells_of_credits(
    studio: Studio, transactional_user: User, starter: GenerationModel
) -> None:
    job = make_job(transactional_user, starter)

    answers = {
        path: studio.page.request.get(f"/api/v1/{path}").json()
        for path in ("credits", "credits/postings", "usage?by=key", f"generations/{job.id}/receipt")
    }

    credits, postings, usage, receipt = answers.values()
    assert credits["available"] + credits["held"] == 500
    assert [row["kind"] for row in postings["results"]] == ["hold", "grant"]
    assert usage["total"]["jobs"] == 0
    assert receipt["held"] == credits["held"]
