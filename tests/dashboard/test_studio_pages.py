"""What is looked at on every page is looked at on every page that there is."""

import uuid

from django.urls import resolve

from apps.dashboard.urls import urlpatterns
from tests.studio_pages import STUDIO_PAGES, Shown
from tests.test_permissions import TABLE

# What is fetched and is no page, and why.
NO_PAGES = {
    "home": "the landing page, or a way to /create/",
    "canvas-new": "leads to the canvas that it makes",
    "gallery-places": "the outline of a list, as JSON",
    "image-tile": "a piece of the gallery",
    "shared-file": "a picture itself",
    "plan-change": "needs an answer of Stripe",
    "share": "the inside of a dialog",
    "shelf": "a piece of the gallery",
}


def test_every_page_of_the_dashboard_is_among_the_pages_of_the_studio() -> None:
    some = Shown(*(uuid.uuid4() for _field in Shown.__slots__))
    paths = [address(some).partition("?")[0] for address in STUDIO_PAGES.values()]
    there = {resolve(path).url_name for path in paths}
    fetched = {pattern.name for pattern in urlpatterns if ("GET", str(pattern.pattern)) in TABLE}
    assert len(fetched) > 30

    assert there == fetched - NO_PAGES.keys()
    assert NO_PAGES.keys() <= fetched
