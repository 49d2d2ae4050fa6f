"""The editor on a page of its own, in two windows: a desktop in English, a phone in Korean."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.canvas_editor.bench import ORIGIN, Bench, serve
from tests.browser.studio import DESKTOP, PHONE


@pytest.fixture(scope="package")
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=DESKTOP, base_url=ORIGIN, color_scheme="light")
    serve(context, "en")
    yield context
    context.close()


@pytest.fixture(scope="package")
def handheld(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport=PHONE,
        base_url=ORIGIN,
        color_scheme="dark",
        locale="ko-KR",
        has_touch=True,
        device_scale_factor=2,
    )
    serve(context, "ko")
    yield context
    context.close()


@pytest.fixture
def bench(desktop: BrowserContext) -> Iterator[Bench]:
    """An empty document of 512 by 512 at 100 %, in a window that complains of nothing."""
    yield from _opened(desktop)


@pytest.fixture
def phone(handheld: BrowserContext) -> Iterator[Bench]:
    yield from _opened(handheld)


def _opened(context: BrowserContext) -> Iterator[Bench]:
    bench = Bench(context.new_page())
    bench.open()
    yield bench
    bench.do("() => localStorage.clear()")
    assert bench.studio.complaints == []
    bench.page.close()
