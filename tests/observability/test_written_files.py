"""What is written from the lists: in step, valid, and about nothing that is not listed."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.core.observability import write
from apps.core.observability.alarms import burn_alarms, of_metric
from apps.core.observability.catalog import METRICS
from apps.core.observability.slos import LATE_JOB_SECONDS, OBJECTIVES, WINDOWS, Severity
from apps.core.observability.tables import UnknownTableError, fill_in
from config.infrastructure.autoscaling.study import COLD_START_SECONDS
from config.local.debian import can_install, find_program, install_packages
from tests.infrastructure.terraform.rules.metric_math import evaluate

ROOT = write.ROOT
SERIES = {name for metric in METRICS.values() if metric.is_in_prometheus for name in metric.series}
# Those of the business: which alarm there must be, and from when on.
WANTED = {
    "api-error-rate": ("critical", 5, 300),
    "api-latency": ("high", 5, 300),
    "gpu-queue-depth": ("high", 100, 300),
    "database-capacity": ("high", 80, 600),
    "database-connections": ("critical", 80, 300),
    "database-replica-lag": ("medium", 100, 300),
    "redis-memory": ("high", 80, 300),
    "s3-errors": ("medium", 1, 300),
    "dead-letters": ("medium", 0, 900),
    "books-drift": ("critical", 0, 300),
    "scheduler-silent": ("critical", 1, 300),
    "workers-gone": ("critical", 0, 900),
    "web-gone": ("critical", 1, 180),
}


@pytest.fixture(scope="module")
def promtool() -> Path:
    """Have the checker that comes with Prometheus."""
    if find_program("promtool") is None and can_install():
        install_packages("prometheus")
    found = find_program("promtool")
    assert found, "Install promtool (Debian: apt-get install prometheus; macOS: brew install it)."
    return found


@pytest.fixture(scope="module")
def alarms() -> dict[str, Any]:
    path = ROOT / "terraform/modules/monitoring/alarms.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def expressions() -> Iterator[str]:
    rules = yaml.safe_load((ROOT / "docker/observability/prometheus-rules.yaml").read_text())
    for group in rules["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    dashboard = json.loads((ROOT / "docker/observability/grafana-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))


def test_every_file_is_in_step_with_the_lists() -> None:
    assert write.differences() == []


def test_a_file_that_was_changed_by_hand_is_told(tmp_path: Path) -> None:
    for place in write.files():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / place, tmp_path / place)
    assert write.differences(tmp_path) == []
    path = tmp_path / "terraform/modules/monitoring/alarms.json"
    path.write_text(path.read_text().replace('"threshold": 100', '"threshold": 1000'))

    assert any('"threshold": 1000' in line for line in write.differences(tmp_path))


def test_a_document_cannot_ask_for_a_table_that_there_is_not() -> None:
    with pytest.raises(UnknownTableError):
        fill_in("<!-- table: weather -->\n<!-- end of table -->")


@pytest.mark.parametrize("name", WANTED)
def test_each_alarm_has_its_severity_threshold_and_time(name: str, alarms: dict[str, Any]) -> None:
    (found,) = [alarm for alarm in alarms["alarms"] if alarm["name"] == name]
    severity, threshold, seconds = WANTED[name]
    assert (found["id"], found["severity"]) == (name, severity)
    assert found["threshold"] == threshold
    assert found["period"] * found["evaluation_periods"] == seconds
    assert found["notifies"]
    assert found["runbook"] == f"docs/operations/runbooks/{name}.md"


def test_there_are_no_other_alarms_than_those_and_the_objectives(alarms: dict[str, Any]) -> None:
    objectives = {f"slo-{objective.id}-burn" for objective in OBJECTIVES}
    assert objectives == {
        "slo-availability-burn",
        "slo-latency-burn",
        "slo-queue-wait-burn",
        "slo-job-success-burn",
    }
    assert {alarm["id"] for alarm in alarms["alarms"]} == WANTED.keys() | objectives
    assert {alarm["id"] for alarm in alarms["composites"]} == objectives
    names = [alarm["name"] for kind in alarms.values() for alarm in kind]
    assert len(names) == len(set(names))


def test_a_budget_is_watched_in_the_windows_of_the_workbook(alarms: dict[str, Any]) -> None:
    assert [(w.burn, w.long_seconds, w.short_seconds) for w in WINDOWS] == [
        (14.4, 3600, 300),
        (6.0, 21_600, 1800),
        (1.0, 259_200, 21_600),
    ]
    # Two, five and ten per cent of the budget of thirty days.
    shares = [w.burn * w.long_seconds / (30 * 86_400) for w in WINDOWS]
    assert shares == pytest.approx([0.02, 0.05, 0.1])
    assert [w.severity for w in WINDOWS] == [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM]
    by_name = {alarm["name"]: alarm for alarm in alarms["alarms"]}
    for _objective, window, composite, _halves in burn_alarms():
        long, short = (by_name[name] for name in composite.all)
        assert not long["notifies"]
        assert long["period"] * long["evaluation_periods"] == window.long_seconds
        assert short["period"] * short["evaluation_periods"] == window.short_seconds
        assert long["threshold"] == short["threshold"]
    assert by_name["slo-availability-burn-fast-long"]["threshold"] == 1.44
    assert by_name["slo-queue-wait-burn-slow-long"]["threshold"] == 30.0


def test_cloudwatch_takes_every_alarm(alarms: dict[str, Any]) -> None:
    for alarm in alarms["alarms"]:
        # A whole number of minutes, a day at most, and no more than a week in all.
        assert alarm["period"] % 60 == 0
        assert alarm["period"] <= 86_400
        assert alarm["period"] * alarm["evaluation_periods"] <= 7 * 86_400
        assert alarm["period"] >= 3600 or alarm["period"] * alarm["evaluation_periods"] <= 86_400
        ids = [query["id"] for query in alarm["queries"]]
        assert len(ids) == len(set(ids))
        assert len(ids) <= 9
        assert all(re.fullmatch("[a-z][a-z0-9_]*", one) for one in ids)
        words = set(re.findall(r"\b[a-z][a-z0-9_]*\b", alarm["expression"]))
        assert words - {"max_connections"} == (set(ids) if alarm["expression"] else set())
        for query in alarm["queries"]:
            assert query["namespace"] != "Easel" or query["name"] in {
                metric.cloudwatch for metric in METRICS.values()
            }


def test_an_alarm_cannot_ask_for_a_metric_in_another_shape() -> None:
    with pytest.raises(ValueError, match="Tier"):
        of_metric("m", "due", Service="web")
    with pytest.raises(ValueError, match="dimensions"):
        of_metric("m", "slow_queries")


def test_expressions_ask_for_listed_metrics_and_recorded_shares_alone() -> None:
    recorded = {
        rule["record"]
        for group in yaml.safe_load(
            (ROOT / "docker/observability/prometheus-rules.yaml").read_text()
        )["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    found = list(expressions())
    assert len(found) > 40
    for expression in found:
        assert set(re.findall(r"\beasel_[a-z0-9_]+", expression)) <= SERIES, expression
        assert set(re.findall(r"\bslo:[a-z0-9_:]+", expression)) <= recorded, expression
        assert re.search(r"\b(easel_|slo:)", expression), expression


def test_the_dashboards_show_what_operators_want() -> None:
    cloud = json.loads((ROOT / "terraform/modules/monitoring/dashboard.json").read_text())
    grafana = json.loads((ROOT / "docker/observability/grafana-dashboard.json").read_text())
    wanted = {
        *("Requests", "Latency", "Errors", "Connections"),
        *("Utilisation", "Memory", "Run time by model", "Queue depth"),
        *("Active users", "Pictures an hour", "Credits an hour", "Monthly recurring revenue"),
    }
    titles = {w["properties"]["title"] for w in cloud["widgets"] if w["type"] == "metric"}
    assert wanted <= titles
    assert wanted <= {panel["title"] for panel in grafana["panels"]}
    (latency,) = [w for w in cloud["widgets"] if w["properties"].get("title") == "Latency"]
    assert [metric[-1]["stat"] for metric in latency["properties"]["metrics"]] == [
        *("p50", "p90", "p99")
    ]
    ids = [panel["id"] for panel in grafana["panels"]]
    assert len(ids) == len(set(ids))
    own = {metric.cloudwatch for metric in METRICS.values()}
    for widget in cloud["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            if metric[0] == "Easel":
                assert metric[1] in own


def run(promtool: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(promtool), *map(str, words)], capture_output=True, text=True, check=False
    )


def test_prometheus_takes_the_rules_and_the_settings(promtool: Path, tmp_path: Path) -> None:
    folder = ROOT / "docker/observability"
    result = run(promtool, "check", "rules", folder / "prometheus-rules.yaml")
    assert result.returncode == 0, result.stderr
    # The token is there only where Prometheus runs.
    token = tmp_path / "metrics-token"
    token.write_text("secret")
    shutil.copy(folder / "prometheus-rules.yaml", tmp_path)
    settings = (folder / "prometheus.yaml").read_text()
    (tmp_path / "prometheus.yaml").write_text(
        settings.replace("/run/secrets/metrics-token", str(token))
    )
    result = run(promtool, "check", "config", tmp_path / "prometheus.yaml")
    assert result.returncode == 0, result.stderr + result.stdout


BURNING = """
rule_files: [prometheus-rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'easel_http_requests_total{route="a", method="GET", status="2xx"}'
        values: '0+98x120'
      - series: 'easel_http_requests_total{route="a", method="GET", status="5xx"}'
        values: '0+BADx120'
    alert_rule_test:
      - eval_time: 90m
        alertname: SloAvailabilityBurnFast
        exp_alerts: [ALERT]
"""
ALERT = """{exp_labels: {severity: critical, id: slo-availability-burn}, exp_annotations:
 {summary: "Availability: the budget of a month goes 14.4 times too fast.",
  runbook: docs/operations/runbooks/slo-availability-burn.md}}"""


@pytest.mark.parametrize(("bad", "alert"), [(2, ALERT), (1, ""), (0, "")])
def test_the_alert_of_a_budget_goes_off_above_its_burn_rate_alone(
    promtool: Path, tmp_path: Path, bad: int, alert: str
) -> None:
    # 2 of 100 is above 1.44 %, 1 of 99 is below.
    shutil.copy(ROOT / "docker/observability/prometheus-rules.yaml", tmp_path)
    case = tmp_path / "case.yaml"
    case.write_text(BURNING.replace("BAD", str(bad)).replace("ALERT", alert.replace("\n", "")))

    result = run(promtool, "test", "rules", case)

    assert result.returncode == 0, result.stdout + result.stderr


def test_the_alert_of_a_web_that_is_gone_goes_off_without_a_process(
    promtool: Path, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "docker/observability/prometheus-rules.yaml", tmp_path)
    case = tmp_path / "case.yaml"
    series = "easel_http_requests_in_flight"
    case.write_text(
        f"""
rule_files: [prometheus-rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: '{series}{{job="easel-web", instance="a"}}', values: '0x20 stale'}}
      - {{series: '{series}{{job="easel-admin", instance="b"}}', values: '0x40'}}
    alert_rule_test:
      - {{eval_time: 20m, alertname: WebGone, exp_alerts: []}}
      - eval_time: 25m
        alertname: WebGone
        exp_alerts:
          - exp_labels: {{severity: critical, id: web-gone, job: easel-web}}
            exp_annotations:
              summary: No task of web is healthy, for three minutes.
              runbook: docs/operations/runbooks/web-gone.md
"""
    )

    result = run(promtool, "test", "rules", case)

    assert result.returncode == 0, result.stdout + result.stderr


def test_each_tier_is_late_by_its_own_time(promtool: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "docker/observability/prometheus-rules.yaml", tmp_path)
    case = tmp_path / "case.yaml"
    name = "easel_queue_wait_seconds"
    case.write_text(
        f"""
rule_files: [prometheus-rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: '{name}_count{{tier="basic", model="a"}}', values: '0+10x60'}}
      - {{series: '{name}_bucket{{tier="basic", model="a", le="600"}}', values: '0+5x60'}}
      - {{series: '{name}_count{{tier="dedicated", model="a"}}', values: '0+10x60'}}
      - {{series: '{name}_bucket{{tier="dedicated", model="a", le="600"}}', values: '0+2.5x60'}}
      - {{series: '{name}_bucket{{tier="dedicated", model="a", le="1800"}}', values: '0+10x60'}}
    promql_expr_test:
      - expr: round(slo:queue_wait:error_ratio_5m, 0.01)
        eval_time: 30m
        exp_samples:
          - {{labels: '{{tier="basic"}}', value: 0.5}}
          - {{labels: '{{tier="dedicated"}}', value: 0.75}}
"""
    )

    result = run(promtool, "test", "rules", case)

    assert result.returncode == 0, result.stdout + result.stderr


WAITING = """
rule_files: [prometheus-rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'easel_queue_wait_seconds_count{tier="dedicated", model="a"}'
        values: '0x30 1+JOBSx60'
      - series: 'easel_queue_wait_seconds_bucket{tier="dedicated", model="a", le="600"}'
        values: '0x90'
    alert_rule_test:
      - eval_time: 60m
        alertname: SloQueueWaitBurnFast
        exp_alerts: [ALERT]
"""
LATE = """{exp_labels: {severity: critical, id: slo-queue-wait-burn, tier: dedicated},
 exp_annotations: {summary: "Wait in the queue: the budget of a month goes 14.4 times too fast.",
  runbook: docs/operations/runbooks/slo-queue-wait-burn.md}}"""


@pytest.mark.parametrize(("jobs", "alert"), [("0.2", ""), ("1", LATE)])
def test_nobody_is_woken_by_a_few_late_jobs(
    promtool: Path, tmp_path: Path, jobs: str, alert: str
) -> None:
    shutil.copy(ROOT / "docker/observability/prometheus-rules.yaml", tmp_path)
    case = tmp_path / "case.yaml"
    case.write_text(WAITING.replace("JOBS", jobs).replace("ALERT", alert.replace("\n", "")))

    result = run(promtool, "test", "rules", case)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("window", "started", "share"),
    [("long", 9, 0), ("long", 10, 100), ("short", 1, 100), ("short", 0, 0)],
)
def test_cloudwatch_asks_for_ten_jobs_in_the_long_window(
    alarms: dict[str, Any], window: str, started: int, share: float
) -> None:
    for name in ("fast", "slow", "lasting"):
        (alarm,) = [
            each
            for each in alarms["alarms"]
            if each["name"] == f"slo-queue-wait-burn-{name}-{window}"
        ]
        figures = {"bad0": float(started) or None, "total0": float(started) or None}
        assert evaluate(alarm["expression"], figures) == share


def test_the_start_of_an_instance_for_an_empty_tier_is_not_late() -> None:
    # CloudWatch tells of a minute when it is over, and an alarm looks once a minute.
    for tier, seconds in COLD_START_SECONDS.items():
        assert seconds + 120 <= LATE_JOB_SECONDS[tier]
