"""The pages for operators: what they link to, name and have people type is there."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands
from django.urls import Resolver404, resolve

from apps.core.observability.alarms import THRESHOLDS, burn_alarms
from apps.core.observability.catalog import METRICS
from apps.core.observability.slos import Severity
from apps.generation.management.gpu import gpu
from apps.privacy.traces import STAYS
from config.backup.arguments import argument_parser
from config.local.addresses import LOGINS
from tests.stack import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([DOCS / "operations.md", DOCS / "threat-model.md", *DOCS.glob("operations/**/*.md")])
RUNBOOKS = DOCS / "operations" / "runbooks"
ALARMS = {
    *(alarm.id for alarm in THRESHOLDS),
    *(composite.id for _objective, _window, composite, _halves in burn_alarms()),
}
PARTS = ["Look first", "Mend", "After"]
# Read by the tests alone.
OF_TESTS = {"EASEL_CHROMIUM"}
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")
_FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PATH = re.compile(
    r"(?:apps|config|docs|gpu_tasks|requirements|templates|terraform|tests)/[\w./-]+"
)
_EVENT = re.compile(r"[a-z]+(?:_[a-z]+)+")

all_pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def sources() -> str:
    """Return every source of the product."""
    files = (p for folder in ("apps", "config", "gpu_tasks") for p in (ROOT / folder).rglob("*.py"))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def typed(page: Path) -> list[str]:
    """Return what stands in the page as code, each piece and each line of blocks."""
    text = text_of(page)
    blocks = [line for block in _FENCE.findall(text) for line in block.splitlines()]
    return [*_CODE.findall(_FENCE.sub("", text).replace("\n", " ")), *blocks]


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", t.lower()).strip().replace(" ", "-") for t in titles}


@all_pages
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(text_of(page)):
        if link.startswith(("https://", "mailto:")):
            continue
        name, _hash, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


@all_pages
def test_files_that_are_named_are_there(page: Path) -> None:
    for code in typed(page):
        for name in _PATH.findall(code):
            path = ROOT / name.rstrip("./")
            assert path.exists(), name


def commands_of(page: Path, program: str) -> Iterator[list[str]]:
    for code in typed(page):
        for found in re.findall(rf"{program} +([^|&;\n`]+)", code):
            yield shlex.split(found.replace("…", "X"))


@all_pages
def test_commands_of_django_exist(page: Path) -> None:
    for words in commands_of(page, r"manage\.py"):
        assert words[0] in get_commands(), words


@all_pages
def test_commands_for_the_fleet_exist(page: Path) -> None:
    known = set(gpu.commands)
    assert {"status", "drain", "resume"} <= known
    for words in commands_of(page, "celery -A config gpu"):
        assert words[0] in known, words


@all_pages
def test_modules_that_are_run_exist(page: Path) -> None:
    for words in commands_of(page, "python -m"):
        place = ROOT / words[0].replace(".", "/")
        found = place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()
        assert found, words


@pytest.mark.parametrize("page", [*PAGES, DOCS / "backup.md"], ids=lambda page: page.stem)
def test_commands_for_backups_can_be_typed_so(page: Path) -> None:
    for _module, *words in commands_of(page, r"python -m(?= config\.backup)"):
        # Its name alone stands for all of it.
        if not words:
            continue
        try:
            argument_parser().parse_args([word.strip("[]") for word in words])
        except SystemExit:
            pytest.fail(f"config.backup does not take {words}")


def days_kept(bucket: str) -> int:
    """Return how long Terraform keeps old versions of the files of `bucket`."""
    text = text_of(ROOT / "terraform/modules/storage/lifecycle.tf")
    _before, _name, of_bucket = text.partition(f'_lifecycle_configuration" "{bucket}"')
    found = re.search(r"noncurrent_days = (\d+)", of_bucket.partition("\nresource ")[0])
    assert found, bucket
    return int(found[1])


def test_old_versions_are_kept_as_long_as_the_pages_say() -> None:
    pictures, production = days_kept("images"), ROOT / "terraform/environments/production/main.tf"
    told = {
        "backup.md": (
            f"| old versions of pictures and of users' other files | {pictures} days |",
            f"| old versions of files of the bucket `models` | {days_kept('models')} days |",
        ),
        "operations/disaster-recovery.md": (f"| old versions are kept {pictures} days |",),
        "operations/tenant-deletion.md": (
            f"until the lifecycle rule ends them, {pictures} days |",
        ),
    }
    for page, lines in told.items():
        for line in lines:
            assert line in text_of(DOCS / page), line
    assert re.search(rf"backup_days += {pictures}\n", text_of(production))


def test_each_login_is_given_its_password() -> None:
    (loop,) = re.findall(r"for login in ([a-z ]+); do", text_of(DOCS / "infrastructure.md"))
    assert sorted(loop.split()) == sorted(LOGINS)
    given = text_of(DOCS / "operations.md").partition("ALTER ROLE")[2].partition("\n")[0]
    assert set(re.findall(r"easel_\w+", given)) == set(LOGINS.values())


def test_metrics_exist() -> None:
    told = {name for metric in METRICS.values() for name in (metric.name, *metric.series)}
    logins = {"easel_owner", "easel_web", "easel_ops", "easel_worker", "easel_service"}
    others = {"easel_web_b", "easel_backup", "easel_offer"}
    for page in PAGES:
        named = set(re.findall(r"\beasel_[a-z_]*[a-z]\b", text_of(page)))
        assert named - logins - others <= told, page


@all_pages
def test_settings_exist(page: Path) -> None:
    text = text_of(page)
    for name in set(re.findall(r"\bEASEL_[A-Z0-9_]*[A-Z0-9]\b", text)) - OF_TESTS:
        assert name.removesuffix("_FILE") in variables() or hasattr(settings, name), name


@all_pages
def test_events_of_the_log_exist(page: Path) -> None:
    endings = ("_failed", "_away", "_late", "_lost", "_drifted", "_removed", "_received", "_grown")
    for code in typed(page):
        if _EVENT.fullmatch(code) and (code.endswith(endings) or code == "dead_letter"):
            assert re.search(rf'"{code}[":]', sources()), code


@all_pages
def test_pages_of_ours_exist(page: Path) -> None:
    for code in typed(page):
        address = re.sub(r"\bID\b", "00000000-0000-4000-8000-000000000000", code)
        if not re.fullmatch(r"/(?:admin|gallery|accounts|\.well-known)/[\w./-]*", address):
            continue
        try:
            resolve(address)
        except Resolver404:
            pytest.fail(f"{code} is no page")


@cache
def variables() -> frozenset[str]:
    found = re.findall(
        r'_env\.\w+\(\s*"([A-Z0-9_]*[A-Z0-9])"', (ROOT / "config/env.py").read_text()
    )
    assert len(found) > 50
    # By the name that Amazon's own libraries read.
    return frozenset(f"EASEL_{name}" for name in found if name != "AWS_CA_BUNDLE")


def test_every_variable_is_in_the_table_of_settings() -> None:
    text = text_of(DOCS / "operations.md")
    table = text.partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `EASEL_")]
    named = set(re.findall(r"`(EASEL_[A-Z0-9_]+)`", " ".join(rows)))

    assert named - OF_TESTS == variables()


def test_every_alarm_has_a_runbook_of_one_form() -> None:
    found = {page.stem: text_of(page) for page in RUNBOOKS.glob("*.md")}

    assert found.keys() == ALARMS
    for alarm, text in found.items():
        assert text.startswith(f"# {alarm}\n\n**Means.** "), alarm
        assert "\n**Hurts.** " in text, alarm
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS, alarm
        assert f"operations/runbooks/{alarm}.md" in text_of(DOCS / "operations.md"), alarm


def test_every_runbook_says_how_severe_its_alarm_is() -> None:
    for alarm in THRESHOLDS:
        assert severities_in(alarm.id) == [alarm.severity], alarm.id
    for _objective, _window, composite, _halves in burn_alarms():
        # Each window has its own.
        assert severities_in(composite.id) == [], composite.id
        assert "](../../slo.md)" in text_of(RUNBOOKS / f"{composite.id}.md")


def severities_in(alarm: str) -> list[str]:
    means = text_of(RUNBOOKS / f"{alarm}.md").partition("**Means.**")[2].partition("\n\n")[0]
    return [one for one in Severity if f" {one.capitalize()}." in means.replace("\n", " ")]


def test_every_table_that_stays_is_on_the_page_about_deletion() -> None:
    text = text_of(DOCS / "operations" / "tenant-deletion.md")
    for table in STAYS:
        prefix = f"`{table.partition('_')[0]}_*`"
        assert f"`{table}`" in text or prefix in text or table.startswith(("plans_", "privacy_"))
