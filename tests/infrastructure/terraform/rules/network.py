"""Addresses, ways out, and who may speak to whom."""

from collections.abc import Mapping

from config.infrastructure.deployment import Instance, Terraform
from tests.infrastructure.terraform.rules.findings import Findings, deployments, tail

CIDR = "10.0.0.0/16"
ZONES = ("ap-northeast-2a", "ap-northeast-2c")
SUBNETS: Mapping[str, tuple[str, str]] = {
    "public": ("10.0.1.0/24", "10.0.2.0/24"),
    "private": ("10.0.11.0/24", "10.0.12.0/24"),
    "data": ("10.0.21.0/24", "10.0.22.0/24"),
}
# Group, port, who: nothing else comes in.
INGRESS = frozenset(
    {
        ("alb", 80, "0.0.0.0/0"),
        ("alb", 80, "::/0"),
        ("alb", 443, "0.0.0.0/0"),
        ("alb", 443, "::/0"),
        ("api", 8080, "alb"),
        ("database", 5432, "api"),
        ("database", 5432, "gpu"),
        # The proxy and Aurora are in the same group.
        ("database", 5432, "database"),
        ("cache", 6379, "api"),
        ("cache", 6379, "gpu"),
        ("efs", 2049, "gpu"),
    }
)
# APIs of AWS, Stripe, Cognito and the model hub have no fixed addresses; mail has a port of its
# own. These and no others reach the world.
EGRESS_TO_ANYWHERE = frozenset({("api", 443), ("api", 587), ("gpu", 443)})


def addresses_are_the_designs(terraform: Terraform) -> list[str]:
    """Compare the ranges of the network and its zones."""
    findings = Findings()
    for name, environment in deployments(terraform):
        for vpc in environment.of_type("aws_vpc"):
            findings.has(vpc, cidr_block=CIDR)
        findings.only(name, "networks", environment.of_type("aws_vpc"), 1)
        subnets = environment.of_type("aws_subnet")
        for kind, ranges in SUBNETS.items():
            found = {
                each.arguments["availability_zone"]: each.arguments["cidr_block"]
                for each in subnets
                if each.name == kind
            }
            findings.same(name, f"{kind} subnets", found, dict(zip(ZONES, ranges, strict=True)))
        findings.only(name, "subnets", subnets, 6)
        findings.holds(
            name,
            "no subnet gives public addresses",
            holds=not any(each.arguments.get("map_public_ip_on_launch") for each in subnets),
        )
    return findings


def each_zone_has_its_way_out(terraform: Terraform) -> list[str]:
    """Look for a NAT gateway for each zone, and routes that stay within it."""
    findings = Findings()
    for name, environment in deployments(terraform):
        gateways = environment.of_type("aws_nat_gateway")
        findings.only(name, "NAT gateways", gateways, len(ZONES))
        ways = {
            tail(route.arguments["nat_gateway_id"])
            for route in environment.of_type("aws_route")
            if "nat_gateway_id" in route.arguments
        }
        findings.same(name, "gateways in routes", len(ways), len(ZONES))
        endpoints = [
            each.arguments["vpc_endpoint_type"]
            for each in environment.of_type("aws_vpc_endpoint")
            if str(each.arguments["service_name"]).endswith(".s3")
        ]
        findings.same(name, "endpoints of S3", endpoints, ["Gateway"])
        findings.only(name, "flow logs", environment.of_type("aws_flow_log"), 1)
    return findings


def only_the_designs_ports_are_open(terraform: Terraform) -> list[str]:
    """Compare every rule of every security group with the list; rules in groups are not allowed."""
    findings = Findings()
    for name, environment in deployments(terraform):
        rules = environment.of_type("aws_vpc_security_group_ingress_rule")
        found = {rule for each in rules for rule in _opening(each)}
        for rule in sorted(found - INGRESS):
            findings.append(f"{name}: {rule} is open")
        for rule in sorted(INGRESS - found):
            findings.append(f"{name}: {rule} is not open")
        world = {
            (group, port)
            for each in environment.of_type("aws_vpc_security_group_egress_rule")
            for group, port, whom in _opening(each)
            if whom in {"0.0.0.0/0", "::/0"}
        }
        for way in sorted(world - EGRESS_TO_ANYWHERE):
            findings.append(f"{name}: {way} reaches the world")
        for group in environment.of_type("aws_security_group", "aws_default_security_group"):
            findings.holds(
                group.address,
                "has rules of its own",
                holds=not {"ingress", "egress"} & set(group.arguments),
            )
        findings.only(name, "old rules", environment.of_type("aws_security_group_rule"), 0)
    return findings


def _opening(rule: Instance) -> list[tuple[str, int, str]]:
    given = rule.arguments
    if given["ip_protocol"] != "tcp" and given.get("from_port") != 53:
        return [(_group(given["security_group_id"]), -1, str(given["ip_protocol"]))]
    whom = (
        given.get("cidr_ipv4")
        or given.get("cidr_ipv6")
        or given.get("prefix_list_id")
        or _group(given["referenced_security_group_id"])
    )
    ports = {given["from_port"], given["to_port"]}
    return [(_group(given["security_group_id"]), port, str(whom)) for port in ports]


def _group(value: object) -> str:
    return tail(value).split(".")[1]
