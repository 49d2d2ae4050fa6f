"""What is said of the plan on top of the pages, as it looks."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.plans.models import Subscription
from tests.browser.studio import DESKTOP, PHONE, Studio
from tests.factories import make_image

pytestmark = pytest.mark.django_db(transaction=True)

_BELOW_THE_WINDOW = "() => document.documentElement.scrollHeight - window.innerHeight"


@pytest.mark.parametrize("hours", [-1, 30], ids=["paused", "ending"])
@pytest.mark.parametrize(
    "window",
    [
        pytest.param({"viewport": DESKTOP, "color_scheme": "dark"}, id="desktop-dark"),
        pytest.param({"viewport": PHONE, "color_scheme": "light"}, id="phone-light"),
    ],
)
def test_pages_leave_the_banner_its_room(
    new_studio: Callable[..., Studio],
    transactional_user: User,
    hours: int,
    window: dict[str, Any],
    shoot: Callable[[Page, str], Path],
    request: pytest.FixtureRequest,
) -> None:
    until = timezone.now() + timedelta(hours=hours)
    Subscription.objects.update(valid_from=until - timedelta(days=7), valid_until=until)
    image = make_image(transactional_user)
    studio = new_studio(user=transactional_user, **window)

    for name, path in {
        "create": "/create/",
        "gallery": "/gallery/",
        "picture": f"/gallery/{image.image_name}/",
    }.items():
        studio.open(path)
        shoot(studio.page, f"banner-{name}-{request.node.callspec.id}")
        banner = studio.page.get_by_role("region", name="Your plan")
        expect(banner.get_by_role("link", name="See the plans")).to_be_visible()
        assert studio.overflow() == 0, path
        if window["viewport"] == DESKTOP:
            assert studio.page.evaluate(_BELOW_THE_WINDOW) <= 0, path
