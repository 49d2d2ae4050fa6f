"""The environments are the same but for what the design says."""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from config.infrastructure.deployment import Deployment, Instance, Terraform
from tests.infrastructure.terraform.rules.findings import Findings, deployments

# Resources that there are more or fewer of, with the reason.
MORE_OR_FEWER: Mapping[str, str] = {
    "gpu_tier": "an environment has the tiers of the design, and what belongs to each",
    "roles.aws_iam_role.worker": "one for each tier",
    "roles.aws_iam_role_policy.worker": "one for each tier",
    "roles.aws_iam_instance_profile.worker": "one for each tier",
    "roles.data.aws_iam_policy_document.worker": "one for each tier",
    "monitoring.aws_cloudwatch_metric_alarm.threshold": "some alarms are of a tier",
    "monitoring.aws_cloudwatch_composite_alarm.burn": "some alarms are of a tier",
    "database.aws_rds_cluster_instance.this": "dev has no reader",
    "database.aws_appautoscaling": "readers come and go in production alone",
    "database.aws_db_proxy_endpoint.reader": "dev has no reader",
    "database.ephemeral": "dev has no reader",
    "database.aws_secretsmanager_secret_version.url": "dev has no reader",
}
# Arguments that differ, with the reason.
DIFFERENT: Mapping[tuple[str, str], str] = {
    ("aws_rds_cluster", "backup_retention_period"): "1, 3 and 7 days",
    ("aws_rds_cluster", "deletion_protection"): "not in dev",
    ("aws_rds_cluster", "skip_final_snapshot"): "only of what may be deleted",
    ("aws_rds_cluster", "final_snapshot_identifier"): "only of what may be deleted",
    ("aws_rds_cluster", "serverlessv2_scaling_configuration"): "4, 8 and 32 ACU",
    ("aws_rds_cluster_instance", "performance_insights_enabled"): "not in dev",
    ("aws_rds_cluster_instance", "performance_insights_kms_key_id"): "not in dev",
    ("aws_acm_certificate_validation", "validation_record_fqdns"): "in the order of the names",
    ("aws_lb", "enable_deletion_protection"): "not in dev",
    ("aws_autoscaling_group", "max_size"): "one instance in staging",
    ("aws_autoscaling_group", "mixed_instances_policy"): "only Spot in staging",
    ("aws_ecs_service", "desired_count"): "one task in dev, two elsewhere",
    ("aws_appautoscaling_target", "min_capacity"): "one task in dev, two elsewhere",
    ("aws_appautoscaling_target", "max_capacity"): "production grows",
    ("aws_ecs_task_definition", "container_definitions"): "dev has no reader to be told of",
    ("aws_cloudwatch_metric_alarm", "metric_query"): "connections follow the capacity",
    ("aws_cloudwatch_dashboard", "dashboard_body"): "it shows the tiers that there are",
    ("aws_iam_role_policy", "policy"): "they name the tiers that there are",
    ("aws_iam_policy_document", "statement"): "they name the tiers that there are",
    ("aws_cloudwatch_composite_alarm", "alarm_rule"): "some alarms are of a tier",
}


def environments_differ_where_they_may(terraform: Terraform) -> list[str]:
    """Compare staging and dev with production, resource by resource and argument by argument."""
    findings = Findings()
    models = {name: dict(_normal(name, each)) for name, each in deployments(terraform)}
    wanted = models["production"]
    for name in ("dev", "staging"):
        for address in sorted(set(wanted) ^ set(models[name])):
            allowed = any(part in address for part in MORE_OR_FEWER)
            findings.holds(name, f"{address} is in one of them", holds=allowed)
        for address in sorted(set(wanted) & set(models[name])):
            for argument in _differences(wanted[address], models[name][address]):
                type_name = _type(address)
                if (type_name, argument) not in DIFFERENT:
                    findings.append(f"{name}: {address} differs in {argument}")
    return findings


def _normal(name: str, environment: Deployment) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the arguments of each resource with the names of the environment taken out."""
    words = {"production": "easel.example"}
    domain = words.get(name, f"{name}.easel.example")
    for each in environment.instances:
        yield _without(each.address, name, domain), _plain(each, name, domain)


def _plain(instance: Instance, name: str, domain: str) -> dict[str, Any]:
    return {
        key: _without(_readable(key, value), name, domain)
        for key, value in instance.arguments.items()
    }


def _readable(key: str, value: Any) -> str:
    # The start script of a worker is handed over encoded.
    return b64decode(value).decode() if key == "user_data" else repr(value)


def _without(text: str, name: str, domain: str) -> str:
    for word, general in (
        (domain, "DOMAIN"),
        (domain.replace(".", "-"), "DOMAIN"),
        (name.title(), "ENVIRONMENT"),
        (name, "ENVIRONMENT"),
    ):
        text = text.replace(word, general)
    # Settings of the product are called so in every environment.
    return text.replace("config.settings.ENVIRONMENT", "config.settings.production")


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in {*one, *other} if one.get(key) != other.get(key))


def _type(address: str) -> str:
    return re.sub(r"\[[^]]*\]", "", address).split(".")[-2]
