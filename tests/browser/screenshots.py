"""Take the screenshots of the READMEs: `python -m tests.browser.screenshots [NAME …]`.

Everything is started for it and stopped after it: database, Valkey, web process, worker and
Chromium. The pictures in the screenshots are made by the model that ships with Easel.
"""

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from config.local.addresses import LOGINS
from config.local.chromium import require_chromium
from config.local.postgres import temporary_postgres
from config.local.valkey import temporary_valkey
from tests.browser.studio import CHROMIUM_ARGUMENTS, DESKTOP, Studio
from tests.stack import ROOT, Stack

IMAGES: Final = ROOT / "docs" / "images"
EMAIL: Final = "studio@example.com"
PASSWORD: Final = "only for the screenshots"
# GitHub shows WebP, and a page of text and pictures takes a third of a PNG.
QUALITY: Final = 82
BYTES_AT_MOST: Final = 150_000
# A busy machine is slow, not wrong.
PICTURE_WITHIN_MS: Final = 900_000
STEPS: Final = 12
# (prompt, seed), made in this order: the last one is on the stage.
PICTURES: Final = (
    ("선인장이 있는 해 질 녘의 사막", 5),
    ("three small blue stars on a yellow background", 11),
    ("a snowy landscape by day with the sun", 6),
    ("보라색 배경에 분홍색 하트 두 개", 8),
    ("the sea at night with a full moon and stars", 7),
    ("a sunset over the sea with the sun", 1),
)


def fill_queue(studio: Studio) -> None:
    """Order more than runs at once, so that something waits."""
    studio.open("/create/")
    studio.make_it_long()
    for prompt, _seed in PICTURES[:4]:
        studio.generate(prompt)
        studio.settle()


def open_canvas(studio: Studio) -> None:
    """Open the latest picture on a canvas, with a part of it to be made anew."""
    page = studio.page
    studio.open("/gallery/")
    name = studio.tiles.first.get_attribute("data-image-name")
    studio.open(f"/canvas/new/?image={name}")
    page.locator("#canvas-page[data-state=ready]").wait_for()
    page.locator("#run-prompt").fill(PICTURES[2][0])
    page.keyboard.press("Escape")
    stage = page.locator("[data-part=stage]").bounding_box()
    if stage is None:
        raise RuntimeError("The canvas has no stage")
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    page.mouse.move(x - 120, y + 60)
    page.mouse.down()
    page.mouse.move(x - 20, y + 100, steps=8)
    page.mouse.move(x + 110, y + 70, steps=8)
    page.mouse.up()
    page.locator("#save-state[data-state=saved]").wait_for()


def run_workflow(studio: Studio) -> None:
    """Run the first of the workflows that Easel comes with, in the editor."""
    page = studio.page
    studio.open("/workflows/")
    form = page.locator('a[href^="/workflows/"][href$="/form/"]').first.get_attribute("href")
    studio.open(str(form).removesuffix("form/"))
    page.locator("#quote[data-state=ready]").wait_for()
    page.locator("#run").click()
    page.locator("article.node[data-state=done]").last.wait_for(timeout=PICTURE_WITHIN_MS)
    page.locator("#run:not([hidden])").wait_for(timeout=PICTURE_WITHIN_MS)
    page.locator("#fit").click()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A page as it is to be seen; `prepare` brings about what it shows, or leads there."""

    name: str
    path: str = ""
    language: str = "en-US"
    theme: Literal["light", "dark"] = "light"
    prepare: Callable[[Studio], None] | None = None


# A page that is not there is left out, and said so.
SHOTS: Final = (
    Shot(name="create", path="/create/"),
    Shot(name="create-ko", path="/create/", language="ko-KR"),
    Shot(name="gallery", path="/gallery/"),
    Shot(name="gallery-ko", path="/gallery/", language="ko-KR", theme="dark"),
    Shot(name="canvas", prepare=open_canvas),
    Shot(name="canvas-ko", language="ko-KR", theme="dark", prepare=open_canvas),
    Shot(name="workflow", prepare=run_workflow),
    Shot(name="workflow-ko", language="ko-KR", theme="dark", prepare=run_workflow),
    Shot(name="models", path="/models/"),
    Shot(name="models-ko", path="/models/", language="ko-KR"),
    Shot(name="usage", path="/usage/"),
    Shot(name="usage-ko", path="/usage/", language="ko-KR"),
    Shot(name="queue", path="/queue/", prepare=fill_queue),
    Shot(name="queue-ko", path="/queue/", language="ko-KR"),
)


@contextmanager
def running_stack() -> Iterator[Stack]:
    """Run the whole product on empty servers, with one user and the starter model."""
    with ExitStack() as servers:
        postgres = servers.enter_context(temporary_postgres())
        valkey = servers.enter_context(temporary_valkey())
        media = servers.enter_context(tempfile.TemporaryDirectory(prefix="easel-screenshots-"))
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "EASEL_DATABASE_URL": postgres.url(role=LOGINS["ops"]),
            "EASEL_OWNER_DATABASE_URL": postgres.url(),
            "EASEL_REDIS_URL": valkey.url,
            "EASEL_MEDIA_ROOT": media,
            "EASEL_SECRET_KEY": "for-screenshots-only-for-screenshots-only-for-screenshots",
            "EASEL_LOG_FORMAT": "console",
            # A small model gains nothing from threads, and loses much on a machine at work.
            "OMP_NUM_THREADS": "1",
        }
        _fill_database()
        from apps.plans.tiers import TIER_BY_QUEUE  # only now are there settings

        stack = servers.enter_context(Stack({}))
        stack.start_web()
        stack.start_worker(queues=",".join(TIER_BY_QUEUE))
        yield stack


def _fill_database() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from apps.catalog.services import install_starter_model
    from tests.database import see_everything
    from tests.factories import make_user

    see_everything()
    call_command("migrate", verbosity=0)
    install_starter_model()
    user = make_user(EMAIL)
    user.set_password(PASSWORD)
    user.save()


@contextmanager
def window_for(browser: Browser, stack: Stack, shot: Shot) -> Iterator[Studio]:
    """Open a window as `shot` wants it, signed in."""
    context = browser.new_context(
        viewport=DESKTOP,
        base_url=stack.url,
        color_scheme=shot.theme,
        locale=shot.language,
        reduced_motion="reduce",
    )
    studio = Studio(context.new_page())
    studio.open("/accounts/sign-in/")
    studio.page.locator("#id_username").fill(EMAIL)
    studio.page.locator("#id_password").fill(PASSWORD)
    studio.page.keyboard.press("Enter")
    studio.page.wait_for_url("**/create/")
    studio.settle()
    yield studio
    context.close()


def make_pictures(browser: Browser, stack: Stack) -> None:
    """Make the pictures that the pages show, as a person would."""
    with window_for(browser, stack, SHOTS[0]) as studio:
        studio.set_steps(STEPS)
        for prompt, seed in PICTURES:
            studio.page.get_by_label("Seed", exact=True).fill(str(seed))
            studio.generate(prompt)
            studio.page.locator(".stage__caption", has_text=prompt).wait_for()
            studio.result.wait_for(timeout=PICTURE_WITHIN_MS)
            studio.wait_for_picture()


def take(browser: Browser, stack: Stack, shot: Shot) -> Path | None:
    """Write the picture of a page and return where; None if there is no such page."""
    with window_for(browser, stack, shot) as studio:
        if shot.prepare is not None:
            shot.prepare(studio)
        if shot.path:
            answer = studio.page.goto(shot.path)
            if answer is None or not answer.ok:
                return None
            studio.settle()
        seen = Image.open(io.BytesIO(studio.page.screenshot())).convert("RGB")
    path = IMAGES / f"{shot.name}.webp"
    seen.save(path, "WEBP", quality=QUALITY, method=6)
    if path.stat().st_size > BYTES_AT_MOST:
        raise ValueError(f"{path.name} is too large for a page that is read on the way")
    return path


def main(names: list[str]) -> None:
    program = require_chromium()
    IMAGES.mkdir(parents=True, exist_ok=True)
    wanted = [shot for shot in SHOTS if not names or shot.name in names]
    with running_stack() as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        make_pictures(browser, stack)
        for shot in wanted:
            path = take(browser, stack, shot)
            print(path.relative_to(ROOT) if path else f"{shot.path} is not there")  # noqa: T201
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
