"""Changes of Terraform's files that must not pass, and the rules that each of them breaks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """In a file `old` becomes `new`, the first time it occurs; `rules` and no others object."""

    name: str
    file: str
    old: str
    new: str
    rules: frozenset[str]


def _of(name: str, file: str, old: str, new: str, *rules: str) -> Mutation:
    return Mutation(name, file, old, new, frozenset(rules))


_PRODUCTION = "environments/production/main.tf"
_PLATFORM = "modules/platform/variables.tf"

MUTATIONS = (
    # The network
    _of(
        *("wrong range of the network", _PLATFORM, '"10.0.0.0/16"', '"10.1.0.0/16"'),
        "addresses_are_the_designs",
    ),
    _of(
        *("wrong range of a subnet", _PLATFORM, '"10.0.22.0/24"', '"10.0.23.0/24"'),
        "addresses_are_the_designs",
    ),
    _of(
        *("another zone", _PLATFORM, '"ap-northeast-2c"', '"ap-northeast-2b"'),
        "addresses_are_the_designs",
    ),
    _of(
        *("a port more", "modules/security/ingress.tf", "from_port                    = 8080"),
        "from_port                    = 22",
        "only_the_designs_ports_are_open",
    ),
    _of(
        *("database open to the balancer", "modules/security/ingress.tf"),
        *("aws_security_group.gpu.id", "aws_security_group.alb.id"),
        "only_the_designs_ports_are_open",
    ),
    _of(
        *("a dear way to S3", "modules/network/routes.tf", '"Gateway"', '"Interface"'),
        "each_zone_has_its_way_out",
    ),
    # Computing
    _of(
        *("smaller web task", "modules/platform/compute.tf", "= 4096", "= 2048"),
        "tasks_have_their_sizes",
    ),
    _of(
        *("tasks that may write", "modules/service/main.tf"),
        *("readonlyRootFilesystem = true", "readonlyRootFilesystem = false"),
        "tasks_have_their_sizes",
    ),
    _of(
        *("more instances than the design has", _PRODUCTION, "max = 10", "max = 12"),
        "tiers_have_their_instances",
    ),
    _of(
        *("no instance that is not Spot", _PRODUCTION, "on_demand_base = 1", "on_demand_base = 0"),
        "tiers_have_their_instances",
    ),
    _of(
        *("a tier of one that is empty meanwhile", "modules/gpu_tier/main.tf"),
        *("min_healthy_percentage = 100", "min_healthy_percentage = 50"),
        "tiers_have_their_instances",
    ),
    _of(
        *("later growth", "modules/gpu_tier/variables.tf", "above = 10, add", "above = 20, add"),
        "tiers_follow_their_queues",
    ),
    _of(
        *("longer cool-down", "modules/gpu_tier/variables.tf", "seconds = 180", "seconds = 600"),
        "tiers_follow_their_queues",
    ),
    _of(
        *("no night", "modules/gpu_tier/scaling.tf", "min_size               = 0"),
        "min_size               = 1",
        "tiers_follow_their_queues",
    ),
    _of(
        *("starting instance taken back", "modules/gpu_tier/scaling.tf"),
        *("OR FILL(waiting, 0) > 0 OR", "OR"),
        "instances_stay_while_they_are_wanted",
    ),
    _of(
        *("lasting alarm of an empty tier", "modules/gpu_tier/scaling.tf"),
        *("IF(FILL(capacity, 0) < 1 OR ", "IF("),
        "instances_stay_while_they_are_wanted",
    ),
    _of(
        *("last instance taken from its job", "modules/gpu_tier/scaling.tf"),
        *(" OR FILL(busy, 0) > 0", ""),
        "instances_stay_while_they_are_wanted",
    ),
    _of(
        *("idle instance kept all night", "modules/gpu_tier/scaling.tf"),
        *("${var.rules.less.below}, 0))", "${var.rules.less.below}, ${var.rules.less.below}))"),
        "instances_stay_while_they_are_wanted",
    ),
    _of(
        *("nobody wakes an empty tier", "modules/gpu_tier/scaling.tf"),
        *("IF(FILL(capacity, 0) < 1, FILL(waiting, 0), 0)", "IF(FILL(capacity, 0) < 1, 0, 0)"),
        "instances_stay_while_they_are_wanted",
    ),
    _of(
        *("release stopped by a queue", "modules/monitoring/outputs.tf"),
        *(' && alarm.id != "slo-queue-wait-burn"', ""),
        "releases_stop_at_what_they_break",
    ),
    _of(
        *("releases taken back", "modules/service/main.tf", "[task_definition, desired_count]"),
        "[desired_count]",
        "releases_own_what_they_change",
    ),
    # Data
    _of(
        *("queue of another name", "modules/queues/variables.tf", '"highperf"', '"high"'),
        *("queues_are_the_products", "tiers_follow_their_queues"),
    ),
    _of(
        *("no visibility", "modules/queues/variables.tf", "default     = 30", "default     = 0"),
        "queues_are_the_products",
    ),
    _of(
        *("smaller database", _PRODUCTION, "max_acu              = 32"),
        *("max_acu              = 16", "database_has_its_size"),
    ),
    _of(
        *("fewer days of backup", _PRODUCTION, "backup_days          = 7"),
        *("backup_days          = 2", "database_has_its_size"),
    ),
    _of(
        *("backup at noon", "environments/staging/main.tf", "03:00-04:00", "12:00-13:00"),
        *("database_has_its_size", "environments_differ_where_they_may"),
    ),
    _of(
        *("production may be deleted", _PRODUCTION, "deletion_protection = true"),
        "deletion_protection = false",
        *("database_has_its_size", "load_balancer_speaks_tls"),
    ),
    _of(
        *("Redis without TLS", "modules/cache/main.tf", "transit_encryption_enabled = true"),
        *("transit_encryption_enabled = false", "cache_has_its_size"),
    ),
    _of(
        *("pictures cooled too early", "modules/storage/lifecycle.tf", "days          = 30"),
        *("days          = 7", "files_are_kept_and_closed"),
    ),
    _of(
        *("deleted pictures kept longer", "modules/storage/lifecycle.tf", "noncurrent_days = 7"),
        *("noncurrent_days = 30", "files_are_kept_and_closed"),
    ),
    _of(
        *("a proxy for who reads everything", "modules/secrets/main.tf"),
        *('setunion(["web", ', 'setunion(["backup", "web", ', "database_has_its_size"),
    ),
    _of(
        *("a public bucket", "modules/storage/protection.tf", "block_public_policy     = true"),
        *("block_public_policy     = false", "files_are_kept_and_closed"),
    ),
    _of(
        *("an open model cache", "modules/model_cache/main.tf", "encrypted       = true"),
        *("encrypted       = false", "model_cache_is_encrypted"),
    ),
    _of(
        *("secrets of other names", "modules/secrets/main.tf"),
        *('"easel/${var.environment}/${each.key}"', '"easel-${var.environment}/${each.key}"'),
        "secrets_have_their_names",
    ),
    _of(
        *("logs of other names", "modules/monitoring/main.tf"),
        *('"/easel/${var.environment}/${each.key}"', '"/easel/${var.environment}/log/${each.key}"'),
        "logs_are_kept",
    ),
    # The edge
    _of(
        *("a name without certificate", "modules/dns/main.tf", '"admin.${var.domain}", ', ""),
        "names_are_certified",
    ),
    _of(
        *("a firewall with a hole", "modules/waf/main.tf"),
        *('    "AWSManagedRulesKnownBadInputsRuleSet",\n', "", "firewalls_are_in_front"),
    ),
    _of(
        *("tokens in addresses", "modules/identity/main.tf", '["code"]', '["implicit"]'),
        "sign_in_is_hosted",
    ),
    _of(
        *("connections that tasks close first", "modules/load_balancer/main.tf"),
        *("idle_timeout = 120", "idle_timeout = 300", "load_balancer_speaks_tls"),
    ),
    _of(
        *("old TLS", "modules/load_balancer/main.tf", "ELBSecurityPolicy-TLS13-1-2-2021-06"),
        *("ELBSecurityPolicy-2016-08", "load_balancer_speaks_tls"),
    ),
    _of(
        *("pictures without signature", "modules/cdn/main.tf", "trusted_key_groups         ="),
        *("trusted_signers            =", "cloudfront_caches_what_it_may"),
    ),
    _of(
        *("pages cached", "modules/cdn/main.tf", "data.aws_cloudfront_cache_policy.disabled.id"),
        *("aws_cloudfront_cache_policy.year.id", "cloudfront_caches_what_it_may"),
    ),
    # Alarms: they are data, in a file that is made from the product's own list
    _of(
        *("an alarm less", "modules/monitoring/alarms.json", '"name": "redis-memory"'),
        *('"name": "another"', "alarms_are_the_designs"),
    ),
    _of(
        *("another threshold", "modules/monitoring/alarms.json", '"threshold": 100'),
        *('"threshold": 900', "alarms_are_the_designs"),
    ),
    _of(
        *("errors of those alone who met a task", "modules/monitoring/alarms.json"),
        *(" / (FILL(requests, 0) + FILL(balancer, 0))", " / (FILL(requests, 0))"),
        "an_outage_is_an_alarm",
    ),
    _of(
        *("an alarm on one colour", "modules/monitoring/alarms.json"),
        *("FILL(blue, 0) + FILL(green, 0)", "FILL(blue, 0)", "an_outage_is_an_alarm"),
    ),
    _of(
        *("silence where nobody is", "modules/monitoring/alarms.json"),
        *('"missing": "breaching"', '"missing": "notBreaching"', "alarms_are_the_designs"),
    ),
    _of(
        *("a release that goes on without web", "modules/monitoring/alarms.tf"),
        *(', "web-gone"]', "]", "an_outage_is_an_alarm"),
    ),
    _of(
        *("critical alarms by Slack alone", "modules/monitoring/topics.tf"),
        *("topic_arn              = aws_sns_topic.critical.arn",),
        *("topic_arn              = aws_sns_topic.high.arn", "alarms_reach_somebody"),
    ),
    _of(
        *("no median", "modules/monitoring/dashboard.json", '"stat": "p50"', '"stat": "p5"'),
        "dashboard_shows_the_designs_figures",
    ),
    # Rights
    _of(
        *("a right on everything of S3", "modules/roles/tasks.tf", '["s3:DeleteObject"]'),
        *('["s3:*"]', "nothing_may_do_everything", "roles_may_do_what_they_need"),
    ),
    _of(
        *("a right more", "modules/roles/tasks.tf", '["s3:DeleteObject"]'),
        *('["s3:DeleteObject", "s3:PutBucketPolicy"]', "roles_may_do_what_they_need"),
    ),
    _of(
        *("a right on every resource", "modules/roles/deploy.tf", "[var.rule_arn]", '["*"]'),
        *("nothing_may_do_everything", "variables_are_described_and_used"),
    ),
    _of(
        *("every branch may deploy", "modules/roles/deploy.tf", ":environment:${var.environment}"),
        *(":*", "github_is_let_in_by_environment", "variables_are_described_and_used"),
    ),
    _of(
        *("workers of every tier", "modules/roles/workers.tf", "[var.queues[each.key].arn]"),
        *("[for queue in var.queues : queue.arn]", "workers_see_their_own_tier"),
    ),
    # Settings and secrets
    _of(
        *("a setting that nobody reads", "modules/platform/settings.tf", "EASEL_PUBLIC_URL"),
        *("EASEL_PUBLIC_ADDRESS", "settings_exist"),
    ),
    _of(
        *("a secret in the open", "modules/platform/settings.tf", "EASEL_OIDC_CLIENT_ID "),
        *("EASEL_OIDC_CLIENT_SECRET ", "secrets_stay_secret"),
    ),
    _of(
        *("web as the operators", "modules/platform/settings.tf", '"database/web-url"'),
        *('"database/ops-url"', "roles_sign_in_as_themselves"),
    ),
    _of(
        *("no figures for CloudWatch", "modules/platform/settings.tf"),
        *('EASEL_CLOUDWATCH_METRICS   = "true"', 'EASEL_CLOUDWATCH_METRICS   = "false"'),
        "figures_are_told",
    ),
    _of(
        *("nobody may scrape", "modules/platform/settings.tf"),
        *('    EASEL_METRICS_TOKEN        = "metrics-token"\n', "", "figures_are_told"),
    ),
    # The language
    _of(
        *("a reference to nothing", "modules/network/main.tf", "= aws_vpc.this.id"),
        *("= aws_vpc.that.id", "references_are_declared"),
    ),
    _of(
        *("a variable that is not there", "modules/waf/main.tf", "var.rate_limit", "var.rate"),
        *("references_are_declared", "variables_are_described_and_used"),
    ),
    _of(
        *(
            "an undescribed variable",
            "modules/waf/variables.tf",
            "  description =",
            "  # comment =",
        ),
        "variables_are_described_and_used",
    ),
    _of(
        *("an undescribed output", "modules/waf/outputs.tf", "  description =", "  # comment ="),
        "outputs_are_described",
    ),
    _of(
        *("an input of no module", "modules/platform/compute.tf", "  rule_arn   "),
        *("  rule_number", "calls_give_what_is_asked_for"),
    ),
    _of(
        *("an argument that AWS does not know", "modules/network/main.tf"),
        *("enable_dns_hostnames ", "enable_dns_hostname  ", "arguments_are_known"),
    ),
    _of(
        *("an argument that AWS needs", "modules/cache/main.tf", "  family      =", "  # family ="),
        "arguments_are_known",
    ),
    _of(
        *("an attribute that AWS does not know", "modules/network/routes.tf"),
        *("aws_internet_gateway.this.id", "aws_internet_gateway.this.identity"),
        "attributes_are_known",
    ),
    _of(
        *("any provider", "modules/waf/versions.tf", '      version = "~> 6.0"\n', ""),
        "versions_are_pinned",
    ),
    _of(
        *("an exception without a reason", "modules/storage/main.tf"),
        *("#checkov:skip=CKV_AWS_144:", "#checkov:skip=CKV_AWS_144 #", "exceptions_have_reasons"),
    ),
    # The environments
    _of(
        *("an argument of staging alone", "environments/staging/main.tf"),
        *(
            'module "easel" {',
            'module "easel" {\n  night = { begins = "0 2 * * *", ends = "0 9 * * *" }',
        ),
        "environments_differ_where_they_may",
    ),
    _of(
        *("two tasks in dev", "environments/dev/main.tf", "tasks = 1,", "tasks = 2,"),
        "tasks_have_their_sizes",
    ),
)
