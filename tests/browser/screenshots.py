"""Take the screenshots of the README from a real run: `python -m tests.browser.screenshots`.

Everything is started for it and stopped after it: database, Valkey, web process, worker and
Chromium. The pictures in the screenshots are made by the model that ships with Easel.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

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
# (prompt, seed), made in this order: the last one is on the stage.
PICTURES: Final = (
    ("a red circle on a white background", 3),
    ("a desert at sunset with a cactus", 5),
    ("three small blue stars on a yellow background", 11),
    ("a city skyline at night with a crescent moon", 2),
    ("two pink hearts on a purple background", 8),
    ("a pine forest in the rain", 4),
    ("a snowy landscape by day with the sun", 6),
    ("a large green triangle at the top left on a black background", 9),
    ("snowy mountains at night with a full moon and stars", 7),
    ("a sunset over the sea with the sun", 1),
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


def take_screenshots(browser: Browser, stack: Stack, folder: Path) -> list[Path]:
    """Make the pictures, and return the files of the Create page and the Gallery."""
    context = browser.new_context(
        viewport=DESKTOP, base_url=stack.url, color_scheme="light", reduced_motion="reduce"
    )
    studio = Studio(context.new_page())
    studio.sign_in(EMAIL, PASSWORD)
    studio.open_advanced()
    for prompt, seed in PICTURES:
        studio.page.get_by_label("Seed", exact=True).fill(str(seed))
        studio.generate(prompt)
        studio.page.locator(".stage__caption", has_text=prompt).wait_for(timeout=120_000)
        studio.wait_for_picture()
    studio.page.locator("#advanced > summary").click()
    studio.page.locator("#settings").evaluate("panel => panel.scrollTo(0, 0)")
    studio.page.mouse.move(900, 300)
    taken = [folder / "create.png", folder / "gallery.png"]
    studio.page.screenshot(path=taken[0])
    studio.open("/gallery/")
    studio.page.screenshot(path=taken[1])
    context.close()
    return taken


def main() -> None:
    program = require_chromium()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with running_stack() as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        for path in take_screenshots(browser, stack, IMAGES):
            print(path.relative_to(ROOT))  # noqa: T201
        browser.close()


if __name__ == "__main__":
    main()
