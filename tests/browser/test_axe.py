"""axe finds nothing serious on any page, in either language, on a desktop and on a phone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from apps.accounts.models import User
from apps.boards.models import Board
from apps.canvas.services.documents import create_document
from apps.catalog.models import GenerationModel
from apps.generation.services.jobs import cancel_job
from apps.workflows.services.workflows import create_workflow
from tests.browser.studio import DESKTOP, PHONE, Studio
from tests.factories import make_image, make_job
from tests.shown import begin_training, share_with
from tests.stack import ROOT
from tests.studio_pages import STUDIO_PAGES, Shown
from tests.workflows.documents import fill_document

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DOORS = {
    "landing": "/",
    "sign-in": "/accounts/sign-in/",
    "sign-up": "/accounts/sign-up/",
    "forgotten": "/accounts/password/forgotten/",
    "missing": "/nowhere/",
}
# A language and a theme with each size, rather than all with all.
WINDOWS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": DESKTOP, "color_scheme": "light", "locale": "en-US"},
    "phone": {"viewport": PHONE, "color_scheme": "dark", "locale": "ko-KR", "has_touch": True},
}


def serious(page: Page) -> list[str]:
    """Return what axe has against a page that somebody could not get over."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES
    )
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


@pytest.fixture
def shown(transactional_user: User, starter: GenerationModel) -> Iterator[Shown]:
    """Give the account something of everything."""
    board = Board.objects.create(user=transactional_user, name="Seaside")
    pictures = [make_image(transactional_user, prompt=f"a lighthouse {n}") for n in range(3)]
    pictures[0].board_id = board.id
    pictures[0].save()
    job = make_job(transactional_user, starter)
    cancel_job(user=transactional_user, job_id=job.id)
    make_job(transactional_user, starter, prompt="waits")
    canvas = create_document(user=transactional_user, width=128, height=128)
    workflow = create_workflow(user=transactional_user, document=fill_document())
    shared_board, shared_picture = share_with(transactional_user)
    training_set, training_run = begin_training(transactional_user)
    yield Shown(
        board=board.id,
        job=job.id,
        picture=pictures[0].image_name,
        canvas=canvas.id,
        workflow=workflow.id,
        shared_board=shared_board,
        shared_picture=shared_picture,
        training_set=training_set,
        training_run=training_run,
    )
    for picture in pictures:
        picture.delete()


@pytest.mark.parametrize("window", WINDOWS)
def test_axe_finds_nothing_serious_in_the_studio(
    new_studio: Callable[..., Studio], transactional_user: User, shown: Shown, window: str
) -> None:
    studio = new_studio(user=transactional_user, **WINDOWS[window])
    found = {}
    for name, address in STUDIO_PAGES.items():
        studio.open(address(shown))
        found[name] = [*serious(studio.page), *_too_wide(studio)]
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.parametrize("window", WINDOWS)
def test_axe_finds_nothing_serious_at_the_door(
    new_studio: Callable[..., Studio], window: str
) -> None:
    studio = new_studio(**WINDOWS[window])
    found = {}
    for name, path in DOORS.items():
        studio.open(path)
        found[name] = [*serious(studio.page), *_too_wide(studio)]
    studio.excuse("404")
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_axe_would_find_something(new_studio: Callable[..., Studio]) -> None:
    studio = new_studio()
    studio.open("/accounts/sign-in/")
    studio.page.evaluate(
        "() => document.querySelector('main').insertAdjacentHTML('beforeend', '<button></button>')"
    )
    assert any(problem.startswith("button-name") for problem in serious(studio.page))


def _too_wide(studio: Studio) -> list[str]:
    overflow = studio.overflow()
    return [f"{overflow} px wider than the window"] if overflow else []
