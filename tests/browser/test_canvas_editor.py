"""The canvas editor: what each tool leaves in the pixels, and that every step can be taken back."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.canvas_bench import ORIGIN, Bench, serve
from tests.browser.studio import DESKTOP, PHONE

Shoot = Callable[[Page, str], Path]
GROUND: Final = [10, 120, 200, 255]


@pytest.fixture(scope="module")
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=DESKTOP, base_url=ORIGIN, color_scheme="light")
    serve(context, "en")
    yield context
    context.close()


@pytest.fixture(scope="module")
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport=PHONE, base_url=ORIGIN, color_scheme="dark", locale="ko-KR", has_touch=True
    )
    serve(context, "ko")
    yield context
    context.close()


@pytest.fixture
def bench(desktop: BrowserContext) -> Iterator[Bench]:
    """An empty document of 512 by 512 at 100 %, in a window that complains of nothing."""
    bench = Bench(desktop.new_page())
    bench.open()
    yield bench
    assert bench.studio.complaints == []
    bench.page.close()


def test_screens(bench: Bench, phone: BrowserContext, shoot: Shoot) -> None:
    bench.do("() => picture()")
    bench.drag((100, 100), (200, 180), (300, 120))
    shoot(bench.page, "canvas-editor")
    small = Bench(phone.new_page())
    small.open()
    small.do("() => picture()")
    shoot(small.page, "canvas-editor-phone")
    assert small.studio.complaints == []
