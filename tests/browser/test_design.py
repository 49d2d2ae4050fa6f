"""The design holds: contrast, no jumps, few bytes, one frame on a laptop and on a phone."""

import gzip
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, Response, expect

from apps.accounts.models import User
from apps.boards.models import Board
from apps.boards.services import create_board
from apps.catalog.models import GenerationModel
from apps.images.models import Image
from apps.images.services.library import trash_images
from tests.browser.studio import DESKTOP, PHONE, Studio
from tests.factories import make_image, make_job
from tests.stack import ROOT
from tests.studio_pages import FIXED_PAGES

pytestmark = pytest.mark.django_db(transaction=True)

Shoot = Callable[[Page, str], Path]
Colour = tuple[float, float, float]

DESK: Final = {"viewport": DESKTOP, "color_scheme": "light", "locale": "en-US"}
HAND: Final = {
    "viewport": PHONE,
    "color_scheme": "dark",
    "locale": "ko-KR",
    "has_touch": True,
    "reduced_motion": "reduce",
}
NOT_LOOKED_AT: Final = {
    "search": "the gallery",
}
PAGES: Final = {name: path for name, path in FIXED_PAGES.items() if name not in NOT_LOOKED_AT}

# Text on what it stands on, and the ratio that WCAG 2.2 asks for (1.4.3; 1.4.11 for edges).
_GROUNDS: Final = ("page", "surface", "raised", "hover")
_TYPES: Final = (
    *("model", "prompt", "control", "latents"),
    *("picture", "mask", "number", "plain"),
)
PAIRS: Final = (
    *((ink, ground, 4.5) for ink in ("ink", "ink-soft", "danger") for ground in _GROUNDS),
    *(("ink", ground, 4.5) for ground in ("mat", "accent-tint", "danger-tint")),
    ("ink-soft", "mat", 4.5),
    ("ink-soft", "accent-tint", 4.5),
    ("accent-strong", "page", 4.5),
    ("accent-strong", "surface", 4.5),
    ("danger", "danger-tint", 4.5),
    ("good", "raised", 4.5),
    ("accent-ink", "accent", 4.5),
    ("accent-ink", "accent-hover", 4.5),
    ("ink-on-veil", "danger-fill", 4.5),
    ("page", "ink", 4.5),
    *(("focus", ground, 3.0) for ground in ("mat", *_GROUNDS)),
    *(("line-strong", ground, 3.0) for ground in ("page", "surface", "raised")),
    # Ports lie on the edge of a node, links on the ground.
    *((f"type-{kind}", ground, 3.0) for kind in _TYPES for ground in ("mat", "surface", "raised")),
)

# Adds up how far things moved that nobody had touched, as web-vitals does for CLS.
_WATCH_JUMPS: Final = """
  window.jumps = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (!entry.hadRecentInput) window.jumps.push([entry.value,
        entry.sources.map((source) => source.node?.className ?? String(source.node))]);
    }
  }).observe({ type: "layout-shift", buffered: true });
"""


def read_tokens(theme: int) -> dict[str, Colour]:
    """Return the colours of tokens.css in linear sRGB, of the light (0) or the dark (1) theme."""
    css = (ROOT / "static" / "css" / "tokens.css").read_text(encoding="utf-8")
    found = {}
    for name, value in re.findall(r"--([\w-]+): ((?:light-dark\(|oklch\().*?\));", css):
        colours = re.findall(r"oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)", value)
        if colours:
            lightness, chroma, hue = map(float, colours[theme if len(colours) > 1 else 0])
            found[name] = to_linear(lightness, chroma, math.radians(hue))
    return found


def to_linear(lightness: float, chroma: float, hue: float) -> Colour:
    """Return a colour of OKLCh in linear sRGB (Ottosson 2020, "A perceptual color space")."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return tuple(min(max(part, 0.0), 1.0) for part in (red, green, blue))  # type: ignore[return-value]


def contrast(one: Colour, other: Colour) -> float:
    """Return the ratio of WCAG 2.2 between two colours of linear sRGB, 1 to 21."""
    dark, light = sorted(
        0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in (one, other)
    )
    return (light + 0.05) / (dark + 0.05)


def test_the_ratio_is_that_of_the_standard() -> None:
    black, white, grey = to_linear(0, 0, 0), to_linear(1, 0, 0), to_linear(0.5999, 0, 0)

    assert contrast(black, white) == pytest.approx(21, abs=0.01)
    assert contrast(white, black) == contrast(black, white)
    # OKLCh 0.5999 is #808080, of which every tool says 3.95.
    assert contrast(grey, white) == pytest.approx(3.95, abs=0.01)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_words_and_edges_stand_out_from_what_they_are_on(theme: int) -> None:
    tokens = read_tokens(theme)

    faint = {
        f"{ink} on {ground}": round(contrast(tokens[ink], tokens[ground]), 2)
        for ink, ground, least in PAIRS
        if contrast(tokens[ink], tokens[ground]) < least
    }

    assert faint == {}


@pytest.fixture
def furnished(transactional_user: User) -> User:
    """A user with pictures, two boards and something in the trash."""
    images = [make_image(transactional_user, prompt=f"a red fox {n}", seed=n) for n in range(5)]
    create_board(user=transactional_user, name="Drafts")
    board = create_board(user=transactional_user, name="Winter")
    Image.objects.filter(id=images[0].id).update(board_id=board.id)
    trash_images(user=transactional_user, names=[images[1].image_name])
    return transactional_user


@pytest.mark.parametrize("window", [DESK, HAND], ids=["desk", "hand"])
def test_every_page_keeps_still_and_within_its_window(
    new_studio: Callable[..., Studio],
    furnished: User,
    window: dict[str, Any],
    shoot: Shoot,
    request: pytest.FixtureRequest,
) -> None:
    kind = request.node.callspec.id
    studio = new_studio(user=furnished, **window)
    page = studio.page
    page.add_init_script(_WATCH_JUMPS)
    jumps, unsized, small = {}, {}, {}
    for name, path in PAGES.items():
        studio.open(path)
        shoot(page, f"design-{name}-{kind}")
        assert studio.overflow() == 0, path
        moved = page.evaluate("() => window.jumps")
        if sum(value for value, _nodes in moved) > 0.01:
            jumps[path] = moved
        if bare := page.evaluate(_UNSIZED):
            unsized[path] = bare
        if kind == "hand" and (low := page.evaluate(_SMALL)):
            small[path] = low

    assert (jumps, unsized, small) == ({}, {}, {})


# What is laid over something else takes no room.
_UNSIZED: Final = """() => [...document.querySelectorAll("main img")]
  .filter((image) => image.currentSrc && getComputedStyle(image).position !== "absolute")
  .filter((image) => !image.hasAttribute("width") || !image.hasAttribute("height"))
  .map((image) => image.outerHTML.slice(0, 120))"""
# Links within running text are as high as their lines (WCAG 2.5.8 excepts them).
_SMALL: Final = """() =>
  [...document.querySelectorAll("a, button, select, summary, label:has(input)")]
  .filter((e) => e.checkVisibility() && !e.matches(".skip-link, p a, td a, .part__lead a"))
  .map((e) => [e.outerHTML.slice(0, 100), Math.round(e.getBoundingClientRect().height)])
  .filter(([, height]) => height < 44)"""


class Answers:
    """Everything that a page fetched, as the network would carry it from a server that gzips."""

    def __init__(self, page: Page) -> None:
        self.sizes: dict[str, int] = {}
        page.on("response", self._note)

    def _note(self, response: Response) -> None:
        if response.request.resource_type in {"document", "stylesheet", "script"}:
            self.sizes[response.url] = len(gzip.compress(response.body(), 6))


@pytest.fixture
def first_visit(new_studio: Callable[..., Studio], furnished: User) -> Studio:
    """A window that has never been here."""
    return new_studio(user=furnished, **DESK)


@pytest.mark.parametrize("path", ["/gallery/", "/styles/"])
def test_a_first_visit_is_light(first_visit: Studio, path: str) -> None:
    answers = Answers(first_visit.page)

    first_visit.open(path)

    assert sum(answers.sizes.values()) < 150_000, answers.sizes
    assert len([url for url in answers.sizes if url.endswith(".css")]) <= 12


def test_the_ways_to_the_pages_are_in_reach_of_the_thumb(
    new_studio: Callable[..., Studio], furnished: User, shoot: Shoot
) -> None:
    studio = new_studio(user=furnished, **HAND)
    page = studio.page
    studio.open("/gallery/")
    bar = page.get_by_role("navigation", name="주 메뉴")
    assert bar.bounding_box()["y"] + bar.bounding_box()["height"] == PHONE["height"]  # type: ignore[index]
    words = [link.inner_text() for link in bar.locator(":visible:is(a, button)").all()]
    assert words == ["만들기", "캔버스", "갤러리", "대기열", "더 보기"]

    bar.get_by_role("button", name="더 보기").tap()
    sheet = page.locator("#account-menu")
    expect(sheet.get_by_role("link", name="워크플로")).to_be_visible()
    shoot(page, "design-more-hand")
    rest = sheet.locator(":visible:is(a, form button)").all()
    assert [item.inner_text() for item in rest] == [
        *("English", "한국어", "보드", "모델", "워크플로", "스타일", "사용량"),
        *("학습", "플랜과 크레딧", "API 키", "설정", "도움말"),
        "로그아웃",
    ]
    assert min(item.bounding_box()["height"] for item in rest) >= 44  # type: ignore[index]
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    bar.get_by_role("button", name="더 보기").tap()
    sheet.get_by_role("link", name="보드").tap()
    expect(page.get_by_role("heading", name="보드", exact=True)).to_be_visible()


def test_a_laptop_has_all_pages_in_one_row(studio: Studio) -> None:
    for width in (1024, 1280, 1600):
        studio.page.set_viewport_size({"width": width, "height": 800})
        studio.open("/queue/")
        links = studio.page.locator(".site-nav__link:visible").all()
        assert [link.inner_text().strip() for link in links] == [
            *("Create", "Canvas", "Gallery", "Boards"),
            *("Queue", "Models", "Workflows", "Usage"),
        ]
        assert {link.bounding_box()["height"] for link in links} == {55.0}  # type: ignore[index]
        end = studio.page.locator(".site-header__end").bounding_box()
        assert links[-1].bounding_box()["x"] + links[-1].bounding_box()["width"] <= end["x"]  # type: ignore[index]
    assert studio.page.locator("[data-queue-badge]").count() == 1


def test_boards_are_made_named_ordered_and_put_away_with_the_keyboard(
    studio: Studio, transactional_user: User, shoot: Shoot
) -> None:
    page = studio.page
    studio.open("/boards/")
    page.get_by_role("button", name="Name the first board").click()
    for name in ("Sea", "Snow"):
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name=name)).to_be_visible()
    names = page.locator(".board-card__name")
    expect(names).to_have_text(["Snow", "Sea"])

    page.get_by_role("link", name="Snow").focus()
    page.keyboard.press("Alt+ArrowRight")
    expect(names).to_have_text(["Sea", "Snow"])
    expect(page.get_by_role("link", name="Snow")).to_be_focused()
    assert list(Board.objects.order_by("position").values_list("name", flat=True)) == [
        "Sea",
        "Snow",
    ]

    page.get_by_role("button", name="Menu of Sea").press("Enter")
    page.keyboard.press("Enter")
    page.keyboard.type("Sea and sky")
    page.keyboard.press("Enter")
    expect(names).to_have_text(["Sea and sky", "Snow"])

    page.get_by_role("button", name="Menu of Snow").click()
    page.get_by_role("menuitem", name="Archive").click()
    expect(names.filter(visible=True)).to_have_text(["Sea and sky"])
    page.get_by_role("button", name="Undo").click()
    expect(names.filter(visible=True)).to_have_text(["Sea and sky", "Snow"])
    shoot(page, "boards-desk")

    page.get_by_role("button", name="Menu of Snow").click()
    page.get_by_role("menuitem", name="Delete…").click()
    page.get_by_role("button", name="Delete the board").click()
    expect(names).to_have_text(["Sea and sky"])
    assert Board.objects.get(user=transactional_user).name == "Sea and sky"


def test_a_receipt_is_printed_without_what_one_acts_with(
    studio: Studio, transactional_user: User, starter: GenerationModel, shoot: Shoot
) -> None:
    job = make_job(transactional_user, starter, prompt="a red fox")
    page = studio.page
    page.add_init_script("window.print = () => { window.printed = true; }")
    studio.open(f"/usage/receipts/{job.id}/")
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("() => window.printed") is True

    page.emulate_media(media="print", color_scheme="dark")

    expect(page.get_by_text("a red fox")).to_be_visible()
    for gone in (".site-header", ".page-head__acts", ".page-head__up"):
        expect(page.locator(gone)).to_be_hidden()
    shoot(page, "design-receipt-print")
