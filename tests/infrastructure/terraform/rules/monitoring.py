"""Alarms, whom they reach, and the dashboard."""

import json
import re
from collections.abc import Mapping
from typing import Any

from config.infrastructure.deployment import Instance, Terraform
from tests.infrastructure.terraform.rules.compute import LABELS, TIERS_OF
from tests.infrastructure.terraform.rules.findings import Findings, block, deployments

# By id: severity, threshold, seconds above it, and how many there are of it.
ALARMS: Mapping[str, tuple[str, float, int, str]] = {
    "api-error-rate": ("critical", 5, 300, "once"),
    "api-latency": ("high", 5, 300, "once"),
    "gpu-queue-depth": ("high", 100, 300, "tier"),
    "database-capacity": ("high", 80, 600, "once"),
    "database-connections": ("critical", 80, 300, "once"),
    "database-replica-lag": ("medium", 100, 300, "once"),
    "redis-memory": ("high", 80, 300, "node"),
    "s3-errors": ("medium", 1, 300, "once"),
    "dead-letters": ("medium", 0, 900, "tier"),
    "web-gone": ("critical", 1, 180, "once"),
}
STATISTICS = {"api-latency": "p99"}
# Of these too little is bad, and nothing at all as well.
TOO_FEW = frozenset({"web-gone"})
_HEALTHY = "HealthyHostCount"
RELEASE_STOPS_AT = frozenset({"api-error-rate", "api-latency", "slo-availability-burn-fast"}) | {
    "web-gone"
}
# By group of the dashboard, words that its widgets must have.
WIDGETS: Mapping[str, tuple[str, ...]] = {
    "API": (
        *("RequestCount", '"stat": "p50"', '"stat": "p90"', '"stat": "p99"'),
        *("HTTPCode_Target_5XX_Count", "ActiveConnectionCount"),
    ),
    "GPU": ("GpuUtilization", "GpuMemory", "RunSeconds", "ApproximateNumberOfMessagesVisible"),
    "Business": ("ActiveUsers", "PicturesLastHour", "CreditsLastHour", "RecurringRevenue"),
    "Infrastructure": (
        *("ACUUtilization", "DatabaseConnections", "AuroraReplicaLagMaximum"),
        *("DatabaseMemoryUsagePercentage", "AllRequests", "5xxErrors"),
    ),
}


def alarms_are_the_designs(terraform: Terraform) -> list[str]:
    """Compare every alarm of the design: threshold, duration, severity, number."""
    findings = Findings()
    for name, environment in deployments(terraform):
        alarms = environment.of_type("aws_cloudwatch_metric_alarm")
        counts = {"once": 1, "tier": len(TIERS_OF[name]), "node": 2}
        for alarm_id, (severity, threshold, seconds, scope) in ALARMS.items():
            found = [each for each in alarms if _is(each, f"easel-{name}-{alarm_id}")]
            findings.only(name, f"alarms {alarm_id}", found, counts[scope])
            for alarm in found:
                findings.extend(_alarm(alarm, alarm_id, severity, threshold, seconds))
    return findings


def _is(alarm: Instance, name: str) -> bool:
    found = str(alarm.arguments["alarm_name"])
    ends = ("", *(f"-{tier}" for tier in LABELS), *(f"-{number}" for number in range(1, 10)))
    return found in {name + end for end in ends}


def _alarm(
    alarm: Instance, alarm_id: str, severity: str, threshold: float, seconds: int
) -> Findings:
    findings = Findings()
    given = alarm.arguments
    beyond, missing = (
        ("LessThanThreshold", "breaching")
        if alarm_id in TOO_FEW
        else ("GreaterThanThreshold", "notBreaching")
    )
    findings.has(alarm, threshold=threshold, comparison_operator=beyond, treat_missing_data=missing)
    metrics = [
        block(each, "metric") for each in given.get("metric_query", []) if each.get("metric")
    ]
    metrics = metrics or [given]
    periods = {each["period"] for each in metrics}
    findings.same(alarm, "its seconds", max(periods) * given["evaluation_periods"], seconds)
    topic = [str(each).strip("${}").rsplit(".", 2)[-2] for each in given["alarm_actions"]]
    findings.same(alarm, "its topic", topic, [severity])
    if alarm_id in STATISTICS:
        statistics = {each.get("stat") for each in metrics}
        findings.same(alarm, "its statistic", statistics, {STATISTICS[alarm_id]})
    description = str(given.get("alarm_description", ""))
    runbook = f"docs/operations/runbooks/{alarm_id}.md"
    findings.holds(alarm, "names no runbook", holds=runbook in description)
    return findings


def an_outage_is_an_alarm(terraform: Terraform) -> list[str]:
    """See that requests which no task was there for count, and that tasks of both colours do.

    `RequestCount` has none of the former.
    """
    findings = Findings()
    for name, environment in deployments(terraform):
        for alarm in environment.of_type("aws_cloudwatch_metric_alarm"):
            found = str(alarm.arguments["alarm_name"]).removeprefix(f"easel-{name}-")
            if found == "api-error-rate" or found.startswith("slo-availability-burn"):
                expression = _expression(alarm)
                divisors = re.findall(r"/ \(([^/]*)\), 0\)$", expression)
                findings.same(alarm, "its divisors", len(divisors), 1)
                divisor = {
                    metric
                    for each in divisors
                    for query, metric in _names(alarm).items()
                    if f"FILL({query}, 0)" in each
                }
                findings.same(
                    alarm, "what it divides by", divisor, {"RequestCount", "HTTPCode_ELB_5XX_Count"}
                )
                guarded = any(expression.startswith(f"IF(({each}) > 0, ") for each in divisors)
                findings.holds(alarm, "divides by nothing at times", holds=guarded)
            elif found == "web-gone":
                findings.same(alarm, "what it asks for", {*_names(alarm).values()}, {_HEALTHY})
                groups = {
                    str(query["metric"][0]["dimensions"]["TargetGroup"])
                    for query in alarm.arguments["metric_query"]
                    if query.get("metric")
                }
                findings.same(alarm, "its target groups", len(groups), 2)
                added = " + ".join(f"FILL({query}, 0)" for query in _names(alarm))
                findings.same(alarm, "its expression", _expression(alarm), added)
        for release in environment.of_type("aws_cloudwatch_composite_alarm"):
            if release.arguments["alarm_name"] == f"easel-{name}-release":
                stops = set(re.findall(r'ALARM\("([^"]+)"\)', release.arguments["alarm_rule"]))
                wanted = {f"easel-{name}-{alarm_id}" for alarm_id in RELEASE_STOPS_AT}
                findings.same(release, "what it stops at", stops, wanted)
    return findings


def _names(alarm: Instance) -> dict[str, str]:
    """Return the metrics that an alarm asks for, by the id of the query."""
    queries = alarm.arguments["metric_query"]
    return {q["id"]: block(q, "metric")["metric_name"] for q in queries if q.get("metric")}


def _expression(alarm: Instance) -> str:
    return "".join(str(q.get("expression") or "") for q in alarm.arguments["metric_query"])


def alarms_reach_somebody(terraform: Terraform) -> list[str]:
    """See that critical alarms reach PagerDuty, and high and medium ones Slack."""
    findings = Findings()
    for name, environment in deployments(terraform):
        subscribed = {
            (_last(each.arguments["topic_arn"]), each.arguments["protocol"])
            for each in environment.of_type("aws_sns_topic_subscription")
        }
        findings.same(name, "the subscriptions", subscribed, {("critical", "https")})
        told = {
            _last(topic)
            for each in environment.of_type("aws_chatbot_slack_channel_configuration")
            for topic in each.arguments["sns_topic_arns"]
        }
        findings.same(name, "what Slack is told", told, {"high", "medium"})
        for topic in environment.of_type("aws_sns_topic"):
            findings.holds(
                topic, "is not encrypted", holds=bool(topic.arguments.get("kms_master_key_id"))
            )
    return findings


def _last(reference: Any) -> str:
    return str(reference).strip("${}").rsplit(".", 2)[-2]


def dashboard_shows_the_designs_figures(terraform: Terraform) -> list[str]:
    """Look for every figure of the design among the widgets, under its own heading."""
    findings = Findings()
    for name, environment in deployments(terraform):
        dashboards = environment.of_type("aws_cloudwatch_dashboard")
        findings.only(name, "dashboards", dashboards, 1)
        for dashboard in dashboards:
            groups = _groups(dashboard)
            for group, words in WIDGETS.items():
                for word in words:
                    shown = any(word in widget for widget in groups.get(group, []))
                    findings.holds(dashboard, f"{group} does not show {word}", holds=shown)
    return findings


def _groups(dashboard: Instance) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    heading = ""
    for widget in json.loads(dashboard.arguments["dashboard_body"])["widgets"]:
        if widget["type"] == "text":
            heading = widget["properties"]["markdown"].strip("# ")
        groups.setdefault(heading, []).append(json.dumps(widget))
    return groups
