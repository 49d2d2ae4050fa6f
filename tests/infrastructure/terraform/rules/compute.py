"""Tasks on Fargate, GPU instances, and when there are more or fewer of them."""

import json
from collections.abc import Mapping
from typing import Any

from apps.plans.tiers import TIERS
from config.infrastructure.deployment import Deployment, Instance, Terraform
from config.release.aws import REPLACEMENT
from tests.infrastructure.terraform.rules.findings import Findings, block, deployments

WEB = {"cpu": 2048, "memory": 4096}
WEB_TASKS = {"dev": 1, "staging": 2, "production": 2}
ROLES = frozenset({"web", "admin", "scheduler", "migrate"})
TIERS_OF: Mapping[str, frozenset[str]] = {
    "dev": frozenset(),
    "staging": frozenset({"basic"}),
    "production": frozenset(TIERS),
}
LABELS = {"basic": "basic", "high_performance": "highperf", "dedicated": "dedicated"}
# By environment and tier: least and most instances.
SIZES: Mapping[tuple[str, str], tuple[int, int]] = {
    ("staging", "basic"): (1, 1),
    ("production", "basic"): (1, 10),
    ("production", "high_performance"): (1, 10),
    ("production", "dedicated"): (0, 10),
}
# How many are no Spot instances, and of what comes above them how much (per cent). p4d.24xlarge is
# hardly ever to be had as Spot; in staging a loss costs nobody anything.
NOT_SPOT: Mapping[tuple[str, str], tuple[int, int]] = {
    ("staging", "basic"): (0, 0),
    ("production", "basic"): (1, 0),
    ("production", "high_performance"): (1, 0),
    ("production", "dedicated"): (1, 100),
}
# Per cent of the instances while they are replaced.
KEPT = tuple(REPLACEMENT.values())
# Above so many waiting messages so many instances more, after so many seconds again.
GROWTH = {10: (1, 300), 50: (3, 180)}


def container(definition: Instance) -> dict[str, Any]:
    """Return the one container of a task definition."""
    (found,) = json.loads(definition.arguments["container_definitions"])
    return dict(found)


def definitions(environment: Deployment) -> dict[str, Instance]:
    """Return the task definitions by role."""
    return {
        str(each.arguments["family"]).rsplit("-", 1)[-1]: each
        for each in environment.of_type("aws_ecs_task_definition")
    }


def tasks_have_their_sizes(terraform: Terraform) -> list[str]:
    """Compare the tasks: sizes, numbers, names, and what makes them hard to break into."""
    findings = Findings()
    for name, environment in deployments(terraform):
        found = definitions(environment)
        findings.same(name, "the roles", frozenset(found), ROLES)
        for role, definition in found.items():
            findings.same(
                name, f"{role}'s family", definition.arguments["family"], f"easel-{name}-{role}"
            )
            findings.extend(_hardening(definition))
        if "web" in found:
            sizes = {key: int(found["web"].arguments[key]) for key in WEB}
            findings.same(name, "the size of web", sizes, WEB)
        services = {
            str(each.arguments["name"]): each.arguments["desired_count"]
            for each in environment.of_type("aws_ecs_service")
        }
        wanted = {
            f"easel-{name}-web-blue": WEB_TASKS[name],
            f"easel-{name}-web-green": 0,
            f"easel-{name}-admin": services.get(f"easel-{name}-admin"),
            f"easel-{name}-scheduler": 1,
        }
        findings.same(name, "the services", services, wanted)
    return findings


def _hardening(definition: Instance) -> Findings:
    findings = Findings()
    inside = container(definition)
    findings.same(definition, "readonlyRootFilesystem", inside.get("readonlyRootFilesystem"), True)
    findings.same(definition, "privileged", inside.get("privileged", False), False)
    findings.holds(
        definition, "runs as root", holds=str(inside.get("user", "0")).split(":")[0] not in "0root"
    )
    findings.same(
        definition,
        "dropped capabilities",
        inside.get("linuxParameters", {}).get("capabilities", {}).get("drop"),
        ["ALL"],
    )
    return findings


def releases_own_what_they_change(terraform: Terraform) -> list[str]:
    """See that Terraform leaves alone what a release sets, or it would take the release back."""
    findings = Findings()
    wanted = {
        "aws_ecs_service": {"task_definition", "desired_count"},
        "aws_lb_listener_rule": {"action"},
    }
    for _, environment in deployments(terraform):
        for each in environment.of_type(*wanted):
            if each.type == "aws_lb_listener_rule" and each.name != "web":
                continue
            text = str(
                [
                    child.attributes["ignore_changes"].node
                    for child in each.block.children("lifecycle")
                ]
            )
            for name in wanted[each.type]:
                findings.holds(each.address, f"does not ignore {name}", holds=f"'{name}'" in text)
    return findings


def tiers_have_their_instances(terraform: Terraform) -> list[str]:
    """Compare the GPU groups: kind and number of instances, Spot beyond a base."""
    findings = Findings()
    for name, environment in deployments(terraform):
        groups = environment.of_type("aws_autoscaling_group")
        labels = {LABELS[tier] for tier in TIERS_OF[name]}
        names = {str(each.arguments["name"]).rsplit("-", 1)[-1] for each in groups}
        findings.same(name, "the GPU groups", names, labels)
        for tier in sorted(TIERS_OF[name]):
            for group in groups:
                if group.arguments["name"] == f"easel-{name}-gpu-{LABELS[tier]}":
                    findings.extend(_group(group, name, tier))
    return findings


def _group(group: Instance, environment: str, tier: str) -> Findings:
    findings = Findings()
    least, most = SIZES[environment, tier]
    findings.has(group, min_size=least, max_size=most)
    mixed = block(group.arguments, "mixed_instances_policy")
    kinds = [each["instance_type"] for each in block(mixed, "launch_template").get("override", [])]
    findings.same(group, "the kinds of instances", kinds, [TIERS[_tier(tier)].instance])
    spread = block(mixed, "instances_distribution")
    found = (
        spread.get("on_demand_base_capacity"),
        spread.get("on_demand_percentage_above_base_capacity"),
    )
    findings.same(group, "what is not Spot", found, NOT_SPOT[environment, tier])
    refresh = block(block(group.arguments, "instance_refresh"), "preferences")
    kept = (refresh.get("min_healthy_percentage"), refresh.get("max_healthy_percentage"))
    # As a release does it: half of one instance is none.
    findings.same(group, "what stays while instances are replaced", kept, KEPT)
    return findings


def _tier(name: str) -> Any:
    return next(tier for tier in TIERS if tier.value == name)


def tiers_follow_their_queues(terraform: Terraform) -> list[str]:
    """Compare thresholds, steps and cool-downs of the scaling, and the nights."""
    findings = Findings()
    for name, environment in deployments(terraform):
        for tier in sorted(TIERS_OF[name]):
            label = f"easel-{name}-gpu-{LABELS[tier]}"
            findings.extend(_growth(environment, label, TIERS[_tier(tier)].queue))
            findings.extend(_shrinking(environment, label))
            if SIZES[name, tier][0] > 0:
                findings.extend(_nights(environment, label, SIZES[name, tier][0]))
    return findings


def _policies(environment: Deployment, group: str) -> dict[str, Instance]:
    return {
        f"{each.address}.arn": each
        for each in environment.of_type("aws_autoscaling_policy")
        if each.arguments["autoscaling_group_name"] == group
    }


def _alarms(environment: Deployment, group: str) -> list[tuple[Instance, Instance]]:
    policies = _policies(environment, group)
    return [
        (alarm, policies[action.text])
        for alarm in environment.of_type("aws_cloudwatch_metric_alarm")
        for action in alarm.arguments.get("alarm_actions") or []
        if getattr(action, "text", "") in policies
    ]


def _growth(environment: Deployment, group: str, queue: str) -> Findings:
    findings = Findings()
    found = {}
    for alarm, policy in _alarms(environment, group):
        given = alarm.arguments
        if given["comparison_operator"] != "GreaterThanThreshold":
            continue
        findings.same(alarm, "the queue", given["dimensions"], {"QueueName": queue})
        findings.has(alarm, metric_name="ApproximateNumberOfMessagesVisible", namespace="AWS/SQS")
        steps = policy.arguments.get("step_adjustment", [{}])
        cool_down = policy.arguments.get("cooldown") or policy.arguments.get(
            "estimated_instance_warmup"
        )
        more = steps[0].get("scaling_adjustment", policy.arguments.get("scaling_adjustment"))
        found[given["threshold"]] = (more, cool_down)
    findings.same(group, "the growth by waiting messages", found, GROWTH)
    return findings


def _shrinking(environment: Deployment, group: str) -> Findings:
    findings = Findings()
    found = []
    for alarm, policy in _alarms(environment, group):
        given = alarm.arguments
        if given["comparison_operator"] != "LessThanThreshold":
            continue
        periods = {
            int(block(query, "metric")["period"])
            for query in given.get("metric_query", [])
            if query.get("metric")
        } or {int(given["period"])}
        seconds = max(periods) * given["evaluation_periods"]
        found.append((given["threshold"], seconds, policy.arguments["scaling_adjustment"]))
    findings.same(group, "the shrinking (below, for seconds, by)", found, [(3, 600, -1)])
    return findings


def _nights(environment: Deployment, group: str, least: int) -> Findings:
    findings = Findings()
    nights = [
        each.arguments
        for each in environment.of_type("aws_autoscaling_schedule")
        if each.arguments["autoscaling_group_name"] == group
    ]
    findings.same(
        group, "the least numbers by schedule", [n["min_size"] for n in nights], [0, least]
    )
    zones = {night.get("time_zone") for night in nights}
    findings.same(group, "the time zone of the schedule", zones, {"Asia/Seoul"})
    return findings
