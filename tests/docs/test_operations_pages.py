"""The pages for operators: alarms, logins, settings and terms are those of the code."""

import re

import pytest

from apps.core.observability.alarms import THRESHOLDS, burn_alarms
from apps.core.observability.catalog import METRICS
from apps.core.observability.slos import Severity
from apps.privacy.traces import STAYS
from config.backup.arguments import argument_parser
from config.local.addresses import LOGINS
from tests.docs.pages import DOCS, PAGES, commands_of, name_of, text_of, variables
from tests.stack import ROOT

RUNBOOKS = DOCS / "operations" / "runbooks"
ALARMS = {
    *(alarm.id for alarm in THRESHOLDS),
    *(composite.id for _objective, _window, composite, _halves in burn_alarms()),
}
PARTS = ["Look first", "Mend", "After"]
OF_OPERATORS = [
    page for page in PAGES if re.search(r"docs/(?:operations|threat-model)\b", str(page))
]


def test_commands_for_backups_can_be_typed_so() -> None:
    for page in PAGES:
        for _module, *words in commands_of(page, r"python -m(?= config\.backup)"):
            # Its name alone stands for all of it.
            if not words:
                continue
            try:
                argument_parser().parse_args([word.strip("[]") for word in words])
            except SystemExit:
                pytest.fail(f"config.backup does not take {words} of {name_of(page)}")


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
    assert len(OF_OPERATORS) > len(ALARMS)
    for page in OF_OPERATORS:
        named = set(re.findall(r"\beasel_[a-z_]*[a-z]\b", text_of(page)))
        assert named - logins - others <= told, page


def test_every_variable_is_once_in_the_table_of_settings() -> None:
    lines = text_of(DOCS / "operations" / "settings.md").splitlines()
    rows = [line.split("|")[1] for line in lines if line.startswith("| `EASEL_")]
    named = re.findall(r"`(EASEL_[A-Z0-9_]+)`", " ".join(rows))

    # The tests' own is read by the tests alone.
    assert sorted(named) == sorted(variables() | {"EASEL_CHROMIUM"})


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
