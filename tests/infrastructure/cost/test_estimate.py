"""The estimate follows Terraform's values, its measures add up, and its page is in step."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.plans.tiers import TIERS, GpuTier
from config.infrastructure.autoscaling.population import habits_of
from config.infrastructure.cost import __main__ as command
from config.infrastructure.cost import population, prices
from config.infrastructure.cost.model import Estimate
from config.infrastructure.cost.options import PLANNED_DOLLARS, after_measures, options_of
from config.infrastructure.cost.page import (
    BEGIN,
    END,
    MarkersError,
    between_markers,
    tables,
)
from config.infrastructure.cost.savings import savings_of
from config.infrastructure.deployment import Terraform

Changed = Callable[[str, str, str], Estimate]


@pytest.fixture(scope="module")
def estimate(terraform_folder: Path) -> Estimate:
    return Estimate(Terraform(terraform_folder).environments["production"])


@pytest.fixture
def changed(terraform_folder: Path, tmp_path: Path) -> Changed:
    """Estimate the month after a change of a file."""
    copy = shutil.copytree(terraform_folder, tmp_path / "terraform")

    def change(file: str, old: str, new: str) -> Estimate:
        text = (copy / file).read_text(encoding="utf-8")
        assert old in text
        (copy / file).write_text(text.replace(old, new), encoding="utf-8")
        return Estimate(Terraform(copy).environments["production"])

    return change


def dollars(estimate: Estimate, service: str) -> float:
    (found,) = [line.dollars for line in estimate.lines if line.service == service]
    return found


def test_page_is_in_step(terraform_folder: Path, estimate: Estimate) -> None:
    arguments = ["--check", "--terraform-dir", str(terraform_folder)]
    assert command.main(arguments) == 0
    assert f"${estimate.total:,.0f} a month" in command.CHART.read_text(encoding="utf-8")


def test_page_out_of_step_is_told(
    terraform_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "cost.md"
    page.write_text(f"{BEGIN}\nold\n{END}\n")
    monkeypatch.setattr(command, "PAGE", page)
    assert command.main(["--check", "--terraform-dir", str(terraform_folder)]) == 1
    assert page.read_text() == f"{BEGIN}\nold\n{END}\n"


def test_page_without_markers_is_refused() -> None:
    with pytest.raises(MarkersError, match="needs the lines"):
        between_markers("# Cost", "table")
    assert between_markers(f"a\n{BEGIN}\nold\n{END}\nz", "new") == f"a\n{BEGIN}\n\nnew\n{END}\nz"


def test_lines_are_sizes_times_prices(estimate: Estimate) -> None:
    assert dollars(estimate, "ElastiCache") == pytest.approx(2 * 0.246 * 730)
    assert dollars(estimate, "NAT gateways") == pytest.approx(2 * 0.059 * 730 + 60 * 0.059)
    assert dollars(estimate, "Aurora") == pytest.approx(1.5 * 0.20 * 730 + 20 * 0.11 + 60 * 0.24)
    read = sum(population.model_reads_gb(tier) for tier in GpuTier)
    assert dollars(estimate, "EFS reads") == pytest.approx(read * 0.033)
    assert dollars(estimate, "EFS writes") == pytest.approx(20 * 0.066)
    hours = estimate.usage[GpuTier.BASIC].instance_hours
    assert hours == pytest.approx(730)
    assert dollars(estimate, "EC2: g4dn.xlarge") == pytest.approx(hours * 0.526)
    assert estimate.total == pytest.approx(sum(line.dollars for line in estimate.lines))


@pytest.mark.parametrize(
    ("file", "old", "new", "service", "factor"),
    [
        ("modules/platform/compute.tf", "= 2048", "= 4096", "Fargate", 1.6),
        ("environments/production/main.tf", "tasks = 2", "tasks = 4", "Fargate", 1.7),
        ("environments/production/main.tf", "= 0.5", "= 2", "Aurora", 2.6),
    ],
)
def test_more_of_it_costs_more(
    estimate: Estimate,
    changed: Changed,
    file: str,
    old: str,
    new: str,
    service: str,
    factor: float,
) -> None:
    after = changed(file, old, new)
    assert dollars(after, service) / dollars(estimate, service) == pytest.approx(factor, abs=0.15)
    others = {line.service: line.dollars for line in after.lines if line.service != service}
    assert others == {
        line.service: line.dollars for line in estimate.lines if line.service != service
    }


def test_larger_node_costs_twice(
    estimate: Estimate, changed: Changed, terraform_folder: Path
) -> None:
    (file,) = [
        path.relative_to(terraform_folder).as_posix()
        for path in terraform_folder.rglob("*.tf")
        if '"cache.r6g.large"' in path.read_text(encoding="utf-8")
    ]
    after = changed(file, '"cache.r6g.large"', '"cache.r6g.xlarge"')
    assert dollars(after, "ElastiCache") == pytest.approx(2 * dollars(estimate, "ElastiCache"))


def test_without_a_rule_the_lifecycle_saves_nothing(changed: Changed) -> None:
    after = changed("modules/storage/lifecycle.tf", '"STANDARD_IA"', '"GLACIER_IR"')
    saved = {saving.name: saving.saved for saving in savings_of(after)}
    assert saved["S3 lifecycle"] == 0


def test_without_a_base_spot_saves(estimate: Estimate, changed: Changed) -> None:
    after = changed("environments/production/main.tf", "on_demand_base = 1", "on_demand_base = 0")
    saved = {saving.name: saving.saved for saving in savings_of(after)}
    assert saved["Spot"] > 500
    assert {s.name: s.saved for s in savings_of(estimate)}["Spot"] == 0


def test_measures_save_no_more_than_there_is(estimate: Estimate) -> None:
    savings = savings_of(estimate)
    assert [saving.name for saving in savings] == [
        *("Nights", "Spot", "Savings Plans", "Reserved Redis nodes", "S3 lifecycle"),
    ]
    assert all(0 <= saving.saved <= saving.before for saving in savings)
    assert after_measures(estimate) < estimate.total


def test_planning_figure_is_reached_only_by_giving_something_up(estimate: Estimate) -> None:
    left = after_measures(estimate)
    assert left > PLANNED_DOLLARS
    assert left - sum(option.saved for option in options_of(estimate)) < PLANNED_DOLLARS
    assert all(option.saved > 0 for option in options_of(estimate))


def test_an_instance_that_leaves_at_once_is_away_all_night() -> None:
    def away(leave_seconds: float) -> float:
        return population.share_of_night_idle(
            GpuTier.BASIC, begins=1, ends=8, leave_seconds=leave_seconds
        )

    assert away(0) == 1
    assert 0 < away(600) < away(60) < 1
    assert away(86_400) == pytest.approx(0, abs=1e-9)


def test_models_are_read_when_they_are_not_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    habits = habits_of(tier=GpuTier.BASIC, daily_users=population.DAILY_USERS)
    requests = sum(habit.requests_a_day for habit in habits)
    shares = [
        sum(habit.requests_a_day * habit.choice[model] for habit in habits) / requests
        for model in range(len(population.MODELS))
    ]
    # No two have room, so a request reads its model unless the one before it was for the same.
    a_request = sum(
        share * (1 - share) * size for share, size in zip(shares, population.MODEL_GB, strict=True)
    )
    wanted = pytest.approx(a_request * requests * prices.DAYS, rel=0.05)
    assert population.model_reads_gb(GpuTier.BASIC) == wanted

    # Where all have room they are read after a start alone.
    monkeypatch.setitem(population.KEPT_GB, GpuTier.BASIC, 1000.0)
    starts = population.STARTS_A_DAY[GpuTier.BASIC] * prices.DAYS
    sd, sdxl = population.MODEL_GB[:2]
    least, most = starts * (sd + sdxl), starts * sum(population.MODEL_GB)
    assert 0.95 * least < population.model_reads_gb(GpuTier.BASIC) <= most * 1.05


def test_prices_are_there_for_every_tier() -> None:
    instances = {spec.instance for spec in TIERS.values()}
    assert set(prices.SPOT) == set(prices.PLAN_EC2) == set(prices.SEOUL_GPU) == instances


def test_pictures_are_priced_by_their_gpu_seconds(estimate: Estimate) -> None:
    text = tables(estimate)
    # 5 s of a g4dn.xlarge, a g5.xlarge and an eighth of a p4d.24xlarge; 5 credits.
    assert "| SD 1.5 | 5 | 0.0007 | 0.0014 | 0.0057 | 0.0070 | 0.025 |" in text
    assert "| Z-Image | 37.5 | 0.0055 | 0.0105 | 0.0427 | 0.0525 | 0.190 |" in text
