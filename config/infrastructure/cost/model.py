"""Lines of the estimate: what Terraform has times what it costs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from apps.plans.tiers import TIERS, GpuTier
from config.infrastructure.cost import population as people
from config.infrastructure.cost import prices
from config.infrastructure.deployment import Deployment, Instance
from config.infrastructure.functions import Value

LABELS = {"basic": GpuTier.BASIC, "highperf": GpuTier.HIGH_PERFORMANCE}
LABELS |= {"dedicated": GpuTier.DEDICATED}


@dataclass(frozen=True, slots=True)
class Line:
    """Dollars a month of a service, and how they come about."""

    service: str
    dollars: float
    why: str


@dataclass(frozen=True, slots=True)
class Saving:
    """What a measure takes away from the list price of a month."""

    name: str
    before: float
    saved: float
    why: str


def nested(arguments: dict[str, Value], *names: str) -> dict[str, Value]:
    """Return a nested block that is there once."""
    for name in names:
        (arguments,) = arguments[name]
    return arguments


@dataclass(frozen=True, slots=True)
class Group:
    """An auto-scaling group as far as it costs something."""

    tier: GpuTier
    instance: str
    least: int
    most: int
    on_demand_base: int
    on_demand_percentage: int
    disk_gib: int

    @property
    def dollars_an_hour(self) -> float:
        """Return the price of an instance in the tier table."""
        return float(TIERS[self.tier].dollars_per_hour)


class Estimate:
    """A month of an environment with 100 daily users."""

    def __init__(self, environment: Deployment) -> None:
        self.environment = environment
        self.groups = [self._group(each) for each in self.of("aws_autoscaling_group")]
        self.usage = {group.tier: people.usage_of(group.tier) for group in self.groups}
        self.pictures = sum(usage.pictures for usage in self.usage.values())
        self.lines = list(self._lines())

    @property
    def total(self) -> float:
        """Return the dollars of all lines."""
        return sum(line.dollars for line in self.lines)

    def of(self, *types: str) -> list[Instance]:
        """Return the resources of some types."""
        return self.environment.of_type(*types)

    def gpu_hours_dollars(self, group: Group) -> float:
        """Return the dollars of a group's instances at the tier table's price."""
        return self.usage[group.tier].instance_hours * group.dollars_an_hour

    def images_gb(self) -> float:
        """Return what a month's pictures add to the bucket."""
        return self.pictures * (people.PICTURE_MB + people.THUMBNAIL_MB) / 1024

    def fargate_dollars(self) -> float:
        """Return the dollars of all tasks that run all month."""
        return sum(dollars for _name, _tasks, dollars in self._tasks())

    def cache_dollars(self) -> float:
        """Return the dollars of the nodes of Redis."""
        groups = [each.arguments for each in self.of("aws_elasticache_replication_group")]
        return prices.HOURS * sum(
            prices.CACHE_NODE[given["node_type"]] * int(given["num_cache_clusters"])
            for given in groups
        )

    def _group(self, instance: Instance) -> Group:
        given = instance.arguments
        mixed = nested(given, "mixed_instances_policy")
        spread = nested(mixed, "instances_distribution")
        (override,) = nested(mixed, "launch_template")["override"]
        (template,) = [
            each
            for each in self.of("aws_launch_template")
            if each.arguments["name"] == given["name"]
        ]
        disk = nested(template.arguments, "block_device_mappings", "ebs")["volume_size"]
        return Group(
            tier=LABELS[str(given["name"]).rsplit("-", 1)[-1]],
            instance=override["instance_type"],
            least=given["min_size"],
            most=given["max_size"],
            on_demand_base=spread["on_demand_base_capacity"],
            on_demand_percentage=spread["on_demand_percentage_above_base_capacity"],
            disk_gib=disk,
        )

    def _lines(self) -> Iterator[Line]:
        for group in self.groups:
            hours = self.usage[group.tier].instance_hours
            yield Line(
                f"EC2: {group.instance}",
                self.gpu_hours_dollars(group),
                f"{hours:,.0f} hours at ${TIERS[group.tier].dollars_per_hour}, "
                f"{group.least} to {group.most} instances",
            )
        yield self._disks()
        yield self._fargate()
        yield from self._database()
        nodes = [each.arguments for each in self.of("aws_elasticache_replication_group")]
        yield Line(
            "ElastiCache",
            self.cache_dollars(),
            ", ".join(f"{each['num_cache_clusters']} × {each['node_type']}" for each in nodes),
        )
        yield from self._network()
        yield from self._edge()
        yield from self._files()
        yield from self._watching()
        yield from self._small()

    def _disks(self) -> Line:
        gib = sum(
            group.disk_gib * self.usage[group.tier].instance_hours / prices.HOURS
            for group in self.groups
        )
        return Line("EBS", gib * prices.EBS_GP3_GB, f"{gib:,.0f} GiB of gp3 on the average")

    def _tasks(self) -> Iterator[tuple[str, int, float]]:
        definitions = {
            str(each.arguments["family"]): each.arguments
            for each in self.of("aws_ecs_task_definition")
        }
        for service in self.of("aws_ecs_service"):
            name, tasks = str(service.arguments["name"]), int(service.arguments["desired_count"])
            given = definitions[re.sub(r"-(blue|green)$", "", name)]
            disk = nested(given, "ephemeral_storage")["size_in_gib"]
            hour = (
                given["cpu"] / 1024 * prices.FARGATE_VCPU
                + given["memory"] / 1024 * prices.FARGATE_GB
                + (disk - prices.FARGATE_FREE_DISK_GB) * prices.FARGATE_DISK_GB
            )
            yield name.split("-", 2)[-1], tasks, tasks * hour * prices.HOURS

    def _fargate(self) -> Line:
        tasks = [(name, number) for name, number, _ in self._tasks() if number]
        why = ", ".join(f"{number} × {name}" for name, number in tasks)
        return Line("Fargate", self.fargate_dollars(), why)

    def _database(self) -> Iterator[Line]:
        (cluster,) = self.of("aws_rds_cluster")
        least = nested(cluster.arguments, "serverlessv2_scaling_configuration")["min_capacity"]
        readers = len(self.of("aws_rds_cluster_instance")) - 1
        units = max(least, people.WRITER_ACU) + readers * max(least, people.READER_ACU)
        dollars = (
            units * prices.AURORA_ACU * prices.HOURS
            + people.DATABASE_GB * prices.AURORA_GB
            + people.DATABASE_MILLION_IO * prices.AURORA_MILLION_IO
        )
        why = f"{units:g} ACU on the average (least {least:g}, writer and {readers} reader)"
        yield Line("Aurora", dollars, why)
        proxies = len(self.of("aws_db_proxy"))
        yield Line(
            "RDS Proxy",
            proxies * prices.PROXY_LEAST_ACU * prices.PROXY_ACU * prices.HOURS,
            f"paid for {prices.PROXY_LEAST_ACU} ACU at least",
        )

    def _network(self) -> Iterator[Line]:
        gateways = len(self.of("aws_nat_gateway"))
        yield Line(
            "NAT gateways",
            gateways * prices.NAT_HOUR * prices.HOURS + people.NAT_TRAFFIC_GB * prices.NAT_GB,
            f"{gateways}, one a zone, {people.NAT_TRAFFIC_GB:g} GB",
        )
        balancers = self.of("aws_lb")
        zones = len({str(each.arguments["availability_zone"]) for each in self.of("aws_subnet")})
        hour = prices.BALANCER_HOUR + prices.BALANCER_UNIT_HOUR
        yield Line(
            "Load balancer", len(balancers) * hour * prices.HOURS, "one unit of capacity (LCU)"
        )
        addresses = len(self.of("aws_eip")) + zones * len(balancers)
        yield Line(
            "Public IPv4",
            addresses * prices.PUBLIC_IPV4_HOUR * prices.HOURS,
            f"{addresses} addresses of gateways and load balancer",
        )
        yield Line(
            "Between zones",
            people.BETWEEN_ZONES_GB * prices.BETWEEN_ZONES_GB,
            f"{people.BETWEEN_ZONES_GB:g} GB",
        )

    def _edge(self) -> Iterator[Line]:
        pictures_gb = self.pictures * people.VIEWS_OF_A_PICTURE * people.PICTURE_MB / 1024
        month = people.DAILY_USERS * prices.DAYS
        thumbnails_gb = month * people.THUMBNAIL_VIEWS_OF_A_USER * people.THUMBNAIL_MB / 1024
        gigabytes = pictures_gb + thumbnails_gb
        requests = month * people.REQUESTS_OF_A_USER
        paid_gb = max(0.0, gigabytes - prices.CLOUDFRONT_FREE_GB)
        paid = max(0.0, requests - prices.CLOUDFRONT_FREE_REQUESTS)
        yield Line(
            "CloudFront",
            paid_gb * prices.CLOUDFRONT_GB + paid / 10_000 * prices.CLOUDFRONT_10K_REQUESTS,
            f"{gigabytes:,.0f} GB, {requests / 1e6:,.1f} million requests; "
            "1 TB and 10 million are free",
        )
        firewalls = [each.arguments for each in self.of("aws_wafv2_web_acl")]
        rules = sum(len(each["rule"]) for each in firewalls)
        yield Line(
            "WAF",
            len(firewalls) * prices.WAF_ACL
            + rules * prices.WAF_RULE
            + len(firewalls) * requests / 1e6 * prices.WAF_MILLION_REQUESTS,
            f"{len(firewalls)} web ACLs with {rules} rules",
        )

    def _files(self) -> Iterator[Line]:
        stored = self.images_gb() * people.MONTHS + people.MODELS_GB
        puts = self.pictures * 2 / 1000 * prices.S3_1000_PUT
        gets = self.pictures * people.VIEWS_OF_A_PICTURE / 1000 * prices.S3_1000_GET
        yield Line(
            "S3",
            stored * prices.S3_GB + puts + gets,
            f"{stored:,.0f} GB after {people.MONTHS} months, all in the standard class",
        )
        systems = len(self.of("aws_efs_file_system"))
        yield Line(
            "EFS",
            systems * people.MODELS_GB * prices.EFS_GB,
            f"{people.MODELS_GB:g} GB of models",
        )
        reads = {group.tier: people.model_reads_gb(group.tier) for group in self.groups}
        read, written = sum(reads.values()) * systems, people.NEW_MODELS_GB * systems
        by_tier = ", ".join(
            f"{gigabytes:,.0f} {tier.value.replace('_', ' ')}" for tier, gigabytes in reads.items()
        )
        yield Line("EFS reads", read * prices.EFS_READ_GB, f"GB of models by tier: {by_tier}")
        yield Line(
            "EFS writes", written * prices.EFS_WRITE_GB, f"{written:g} GB of models that are new"
        )
        yield Line("ECR", people.IMAGES_IN_REGISTRY_GB * prices.ECR_GB, "the last images")

    def _watching(self) -> Iterator[Line]:
        gigabytes = people.LOG_LINES_GB + people.FLOW_LOGS_GB
        days = [
            int(each.arguments["retention_in_days"]) for each in self.of("aws_cloudwatch_log_group")
        ]
        kept = gigabytes * max(days) / prices.DAYS
        yield Line(
            "CloudWatch logs",
            gigabytes * prices.LOG_GB + kept * prices.LOG_GB_KEPT,
            f"{gigabytes:g} GB a month, kept for up to {max(days)} days",
        )
        alarms = self.of("aws_cloudwatch_metric_alarm")
        metrics = sum(
            max(1, sum("metric" in query for query in each.arguments.get("metric_query", [])))
            for each in alarms
        )
        composites = len(self.of("aws_cloudwatch_composite_alarm"))
        boards = max(0, len(self.of("aws_cloudwatch_dashboard")) - prices.DASHBOARDS_FREE)
        yield Line(
            "CloudWatch alarms",
            metrics * prices.ALARM_METRIC
            + composites * prices.COMPOSITE_ALARM
            + boards * prices.DASHBOARD,
            f"{len(alarms)} alarms on {metrics} metrics, {composites} composite ones",
        )
        yield Line(
            "CloudWatch metrics",
            people.OWN_METRICS * prices.METRIC,
            f"{people.OWN_METRICS:g} metrics, Container Insights among them",
        )

    def _small(self) -> Iterator[Line]:
        users = people.DAILY_USERS * people.USERS_A_MONTH_PER_DAILY
        yield Line("Cognito", users * prices.COGNITO_PLUS_USER, f"{users:g} users a month (Plus)")
        secrets = len(self.of("aws_secretsmanager_secret"))
        yield Line("Secrets Manager", secrets * prices.SECRET, f"{secrets} secrets")
        keys = len(self.of("aws_kms_key"))
        yield Line("KMS", keys * prices.KEY, f"{keys} keys")
        millions = max(0.0, people.SQS_MILLIONS - prices.SQS_FREE_MILLIONS)
        yield Line(
            "SQS",
            millions * prices.SQS_MILLION,
            f"{people.SQS_MILLIONS:g} million calls, polls among them",
        )
        yield Line("Route 53", prices.HOSTED_ZONE, "one zone")
