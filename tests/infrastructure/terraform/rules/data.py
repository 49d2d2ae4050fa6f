"""Queues, database, cache, files, secrets and logs."""

import json
from collections.abc import Mapping
from typing import Any

from apps.plans.tiers import TIERS
from config.infrastructure.deployment import Instance, Terraform
from tests.infrastructure.terraform.rules.findings import Findings, block, deployments, tail

# By environment: least and most capacity, readers (from, to), days of backup, protected.
AURORA: Mapping[str, tuple[float, float, tuple[int, int], int, bool]] = {
    "dev": (0.5, 4, (0, 0), 1, False),
    "staging": (0.5, 8, (1, 1), 3, True),
    "production": (0.5, 32, (1, 2), 7, True),
}
# 03:00 to 04:00 in Seoul; AWS takes it in UTC.
BACKUP_WINDOW = "18:00-19:00"
BUCKETS = frozenset({"images", "models", "static", "logs"})
VERSIONED = frozenset({"images", "models"})
SECRETS = frozenset(
    {"secret-key", "database/web-url", "database/ops-url", "database/worker-url"}
    | {"database/owner-url", "database/reader-web-url", "database/reader-ops-url", "redis-url"}
    | {"oidc-client-secret", "stripe-secret-key", "stripe-webhook-secret", "cdn-private-key"}
    | {"metrics-token", "sentry-dsn", "email-password", "origin-header", "hub-token"}
    | {"openai-api-key", "stability-api-key"}
    | {"provider-keys-secret", "provider-keys-secret-fallbacks"}
)
# What the parts keep beside those: the proxy's logins, the token of Redis, former keys, and the key
# of workers, which sign nothing.
SECRETS_OF_PARTS = frozenset(
    {"redis-token", "database/reader-worker-url", "secret-key-fallbacks", "worker-key"}
    | {f"database/login/{login}" for login in ("web", "ops", "worker", "owner", "backup")}
)
PROXIED = frozenset(
    f'aws_secretsmanager_secret_version.login["{login}"].arn'
    for login in ("web", "ops", "worker", "owner")
)
LOG_ROLES = ("web", "admin", "scheduler", "migrate", "worker")


def queues_are_the_products(terraform: Terraform) -> list[str]:
    """Compare the queues with what the product sends to: names, order, dead letters."""
    findings = Findings()
    for name, environment in deployments(terraform):
        queues = {each.arguments["name"]: each for each in environment.of_type("aws_sqs_queue")}
        wanted = {spec.queue for spec in TIERS.values()}
        working = {queue for queue in queues if "redrive_policy" in queues[queue].arguments}
        findings.same(name, "the queues of the tiers", working, wanted)
        findings.only(name, "queues", list(queues.values()), 2 * len(wanted))
        targets = set()
        for queue in queues.values():
            findings.has(queue, fifo_queue=True, visibility_timeout_seconds=30)
            findings.holds(
                queue,
                "is not encrypted",
                holds=bool(
                    queue.arguments.get("sqs_managed_sse_enabled")
                    or queue.arguments.get("kms_master_key_id")
                ),
            )
            if "redrive_policy" in queue.arguments:
                policy = json.loads(queue.arguments["redrive_policy"])
                targets.add(policy["deadLetterTargetArn"])
                findings.same(
                    queue, "deliveries before the dead letters", policy["maxReceiveCount"], 3
                )
        findings.same(name, "the number of dead-letter queues", len(targets), len(wanted))
    return findings


def database_has_its_size(terraform: Terraform) -> list[str]:
    """Compare Aurora by environment, and its proxy."""
    findings = Findings()
    for name, environment in deployments(terraform):
        least, most, readers, days, protected = AURORA[name]
        clusters = environment.of_type("aws_rds_cluster")
        findings.only(name, "database clusters", clusters, 1)
        for cluster in clusters:
            findings.has(
                cluster,
                engine="aurora-postgresql",
                storage_encrypted=True,
                backup_retention_period=days,
                preferred_backup_window=BACKUP_WINDOW,
                deletion_protection=protected,
            )
            version = str(cluster.arguments["engine_version"]).split(".")[0]
            findings.same(cluster, "the version", version, "16")
            capacity = block(cluster.arguments, "serverlessv2_scaling_configuration")
            found = (capacity.get("min_capacity"), capacity.get("max_capacity"))
            findings.same(cluster, "the capacity", found, (least, most))
        instances = environment.of_type("aws_rds_cluster_instance")
        findings.only(name, "database instances", instances, 1 + readers[0])
        for instance in instances:
            findings.has(
                instance, instance_class="db.serverless", performance_insights_enabled=protected
            )
            public = instance.arguments.get("publicly_accessible", False)
            findings.same(instance, "publicly_accessible", public, False)
        limits = [
            (each.arguments["min_capacity"], each.arguments["max_capacity"])
            for each in environment.of_type("aws_appautoscaling_target")
            if each.arguments["service_namespace"] == "rds"
        ]
        findings.same(
            name, "readers that come and go", limits, [readers] if readers[1] > readers[0] else []
        )
        proxies = environment.of_type("aws_db_proxy")
        findings.only(name, "database proxies", proxies, 1)
        for proxy in proxies:
            findings.has(proxy, engine_family="POSTGRESQL", require_tls=True)
            # Whoever reaches the proxy cannot sign in as who reads everything.
            known = {tail(str(each["secret_arn"])) for each in proxy.arguments["auth"]}
            findings.same(proxy, "the logins", known, PROXIED)
    return findings


def cache_has_its_size(terraform: Terraform) -> list[str]:
    """Compare Redis: node, replica, encryption at rest and on the way."""
    findings = Findings()
    for name, environment in deployments(terraform):
        groups = environment.of_type("aws_elasticache_replication_group")
        findings.only(name, "Redis groups", groups, 1)
        for group in groups:
            findings.has(
                group,
                node_type="cache.r6g.large",
                num_cache_clusters=2,
                port=6379,
                transit_encryption_enabled=True,
                at_rest_encryption_enabled=True,
                automatic_failover_enabled=True,
                multi_az_enabled=True,
            )
    return findings


def files_are_kept_and_closed(terraform: Terraform) -> list[str]:
    """Compare the buckets: closed to the public, versioned, pictures cooled after 30 days."""
    findings = Findings()
    for name, environment in deployments(terraform):
        names = {each.name for each in environment.of_type("aws_s3_bucket")}
        findings.same(name, "the buckets", names, BUCKETS)
        closed = set()
        for each in environment.of_type("aws_s3_bucket_public_access_block"):
            closed.add(_bucket(each))
            for switch in ("acls", "policy"):
                findings.has(each, **{f"block_public_{switch}": True})
            findings.has(each, ignore_public_acls=True, restrict_public_buckets=True)
        findings.same(name, "the buckets closed to the public", closed, BUCKETS)
        versioned = {
            _bucket(each)
            for each in environment.of_type("aws_s3_bucket_versioning")
            if block(each.arguments, "versioning_configuration").get("status") == "Enabled"
        }
        findings.same(name, "the versioned buckets", versioned, VERSIONED)
        encrypted = {
            _bucket(each)
            for each in environment.of_type("aws_s3_bucket_server_side_encryption_configuration")
        }
        findings.same(name, "the encrypted buckets", encrypted, BUCKETS)
        moves = [
            (move["days"], move["storage_class"])
            for each in environment.of_type("aws_s3_bucket_lifecycle_configuration")
            if _bucket(each) == "images"
            for rule in each.arguments["rule"]
            if rule["status"] == "Enabled"
            for move in rule.get("transition", [])
        ]
        findings.same(name, "where pictures move to", moves, [(30, "STANDARD_IA")])
        kept = [
            expiration["noncurrent_days"]
            for each in environment.of_type("aws_s3_bucket_lifecycle_configuration")
            if _bucket(each) == "images"
            for rule in each.arguments["rule"]
            if rule["status"] == "Enabled"
            for expiration in rule.get("noncurrent_version_expiration", [])
        ]
        findings.same(name, "days of old versions of pictures", kept, [7])
    return findings


def _bucket(instance: Instance) -> str:
    return tail(instance.arguments["bucket"]).split(".")[1]


def model_cache_is_encrypted(terraform: Terraform) -> list[str]:
    """Look at the file system of the model cache and its ways in."""
    findings = Findings()
    for name, environment in deployments(terraform):
        for each in environment.of_type("aws_efs_file_system"):
            findings.has(each, encrypted=True)
        findings.only(name, "file systems", environment.of_type("aws_efs_file_system"), 1)
        findings.only(name, "mount targets", environment.of_type("aws_efs_mount_target"), 2)
    return findings


def secrets_have_their_names(terraform: Terraform) -> list[str]:
    """Compare the names in Secrets Manager; each is encrypted with our key."""
    findings = Findings()
    for name, environment in deployments(terraform):
        secrets = environment.of_type("aws_secretsmanager_secret")
        prefix = f"easel/{name}/"
        names = {str(each.arguments["name"]).removeprefix(prefix) for each in secrets}
        for missing in sorted(SECRETS - names):
            findings.append(f"{name}: there is no secret {prefix}{missing}")
        for unknown in sorted(names - SECRETS - SECRETS_OF_PARTS):
            findings.append(f"{name}: nobody knows of the secret {unknown}")
        for each in secrets:
            findings.holds(each, "has no key of ours", holds=bool(each.arguments.get("kms_key_id")))
    return findings


def logs_are_kept(terraform: Terraform) -> list[str]:
    """Compare the log groups of the roles; each ends some day."""
    findings = Findings()
    for name, environment in deployments(terraform):
        groups: dict[str, Any] = {
            str(each.arguments["name"]): each
            for each in environment.of_type("aws_cloudwatch_log_group")
        }
        for role in LOG_ROLES:
            findings.holds(name, f"no log of {role}", holds=f"/easel/{name}/{role}" in groups)
        for each in groups.values():
            days = each.arguments.get("retention_in_days")
            findings.holds(each, "is kept for ever", holds=isinstance(days, int) and days > 0)
    return findings
