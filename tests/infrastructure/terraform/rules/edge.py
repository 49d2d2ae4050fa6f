"""What stands between the world and the tasks: load balancer, CloudFront, firewall, sign-in."""

import re
from functools import cache

from config.infrastructure.deployment import Deployment, Instance, Terraform
from config.local.install import ROOT
from tests.infrastructure.terraform.rules.findings import (
    Findings,
    block,
    deployments,
    tail,
)

DOMAINS = {
    "dev": "dev.easel.example",
    "staging": "staging.easel.example",
    "production": "easel.example",
}
YEAR = 31_536_000
TLS = "ELBSecurityPolicy-TLS13-1-2"
HEALTH = "/api/v1/app/version"
WEBHOOK = "/billing/stripe/webhook/"


@cache
def keep_alive() -> int:
    """Return for how many seconds a task keeps an idle connection, by its image's command."""
    text = (ROOT / "docker" / "web.Dockerfile").read_text(encoding="utf-8")
    found = re.search(r'"--timeout-keep-alive", "(\d+)"', text)
    return int(found[1]) if found else 5


def load_balancer_speaks_tls(terraform: Terraform) -> list[str]:
    """Compare listeners: 80 redirects, 443 takes TLS 1.2 or later; tasks are asked how they are."""
    findings = Findings()
    for name, environment in deployments(terraform):
        for balancer in environment.of_type("aws_lb"):
            findings.has(
                balancer, load_balancer_type="application", drop_invalid_header_fields=True
            )
            idle = int(balancer.arguments["idle_timeout"])
            # Whoever is in front closes idle connections first, or a request meets a closed one.
            findings.holds(
                balancer,
                f"keeps connections for {idle} s, and tasks for {keep_alive()}",
                holds=60 < idle < keep_alive(),
            )
            protected = balancer.arguments.get("enable_deletion_protection")
            findings.same(balancer, "deletion protection", protected, name != "dev")
        listeners = {
            each.arguments["port"]: each for each in environment.of_type("aws_lb_listener")
        }
        findings.same(name, "the listeners", set(listeners), {80, 443})
        if set(listeners) == {80, 443}:
            redirect = block(listeners[80].arguments, "default_action", "redirect")
            findings.same(listeners[80], "the redirect", redirect.get("protocol"), "HTTPS")
            policy = str(listeners[443].arguments.get("ssl_policy"))
            findings.holds(listeners[443], f"takes {policy}", holds=policy.startswith(TLS))
            default = block(listeners[443].arguments, "default_action").get("type")
            findings.same(listeners[443], "what it does by default", default, "fixed-response")
        for group in environment.of_type("aws_lb_target_group"):
            findings.has(group, port=8080)
            health = block(group.arguments, "health_check")
            findings.same(group, "the health check", health.get("path"), HEALTH)
        findings.extend(_listener_rules(name, environment))
    return findings


def _listener_rules(name: str, environment: Deployment) -> Findings:
    findings = Findings()
    domain = DOMAINS[name]
    rules = sorted(
        environment.of_type("aws_lb_listener_rule"),
        key=lambda each: int(each.arguments["priority"]),
    )
    found = [(_conditions(rule), _target(rule)) for rule in rules]
    wanted = [
        (("path /metrics", "path /metrics/*"), "fixed-response"),
        ((f"path {WEBHOOK}",), "admin"),
        ((f"host admin.{domain}",), "admin"),
        (("header X-Easel-Origin", f"host {domain}"), "web"),
    ]
    findings.same(name, "the rules of the listener", found, wanted)
    return findings


def _conditions(rule: Instance) -> tuple[str, ...]:
    found = []
    for condition in rule.arguments["condition"]:
        for kind, word in (("path_pattern", "path"), ("host_header", "host")):
            found += [f"{word} {value}" for value in block(condition, kind).get("values", [])]
        header = block(condition, "http_header")
        if header and header["values"]:
            found.append(f"header {header['http_header_name']}")
    return tuple(sorted(found))


def _target(rule: Instance) -> str:
    action = block(rule.arguments, "action")
    if action["type"] != "forward":
        return str(action["type"])
    if "target_group_arn" in action:
        return tail(action["target_group_arn"]).split(".")[1]
    groups = {
        tail(each["arn"]).split(".")[1].split("[")[0]
        for each in block(action, "forward")["target_group"]
    }
    return ", ".join(sorted(groups))


def cloudfront_caches_what_it_may(terraform: Terraform) -> list[str]:
    """Compare the behaviours: what is cached how long, and what is reached by signature alone."""
    findings = Findings()
    for name, environment in deployments(terraform):
        distributions = environment.of_type("aws_cloudfront_distribution")
        findings.only(name, "distributions", distributions, 1)
        years = [f"{each.address}.id" for each in _year_policies(environment)]
        for distribution in distributions:
            findings.extend(_distribution(distribution, DOMAINS[name], years))
        controls = environment.of_type("aws_cloudfront_origin_access_control")
        findings.only(name, "origin access controls", controls, 1)
    return findings


def _year_policies(environment: Deployment) -> list[Instance]:
    return [
        each
        for each in environment.of_type("aws_cloudfront_cache_policy")
        if {each.arguments[key] for key in ("min_ttl", "default_ttl", "max_ttl")} == {YEAR}
    ]


def _distribution(distribution: Instance, domain: str, years: list[str]) -> Findings:
    findings = Findings()
    given = distribution.arguments
    findings.same(distribution, "the names", given["aliases"], [domain])
    protocol = block(given, "viewer_certificate").get("minimum_protocol_version")
    findings.same(distribution, "the least TLS", protocol, "TLSv1.2_2021")
    findings.holds(distribution, "has no firewall", holds=bool(given.get("web_acl_id")))
    behaviours = {each["path_pattern"]: each for each in given["ordered_cache_behavior"]}
    findings.same(distribution, "the paths", set(behaviours), {"/images/*", "/static/*"})
    for path, behaviour in behaviours.items():
        policy = getattr(behaviour["cache_policy_id"], "text", "")
        findings.holds(distribution, f"{path} is not cached a year", holds=policy in years)
        signed = bool(behaviour.get("trusted_key_groups"))
        findings.same(distribution, f"{path} by signature", signed, path == "/images/*")
        origin = path.strip("/*")
        findings.same(distribution, f"{path}'s origin", behaviour["target_origin_id"], origin)
    default = block(given, "default_cache_behavior")
    findings.same(
        distribution,
        "the cache of pages",
        tail(default["cache_policy_id"]),
        "aws_cloudfront_cache_policy.disabled.id",
    )
    methods = {"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"}
    findings.same(distribution, "the methods of pages", set(default["allowed_methods"]), methods)
    for each in (default, *behaviours.values()):
        allowed = each["viewer_protocol_policy"] in {"https-only", "redirect-to-https"}
        findings.holds(distribution, "answers without TLS", holds=allowed)
    for origin in given["origin"]:
        kept = "origin_access_control_id" in origin or "custom_origin_config" in origin
        findings.holds(distribution, f"{origin['origin_id']} is open", holds=kept)
        custom = block(origin, "custom_origin_config")
        if custom:
            findings.same(
                distribution,
                "the way to the origin",
                custom["origin_protocol_policy"],
                "https-only",
            )
            headers = [header["name"] for header in origin.get("custom_header", [])]
            findings.same(distribution, "the origin's header", headers, ["X-Easel-Origin"])
    return findings


def firewalls_are_in_front(terraform: Terraform) -> list[str]:
    """Look for a web ACL of each scope with AWS's common rules and a limit by address."""
    findings = Findings()
    for name, environment in deployments(terraform):
        firewalls = environment.of_type("aws_wafv2_web_acl")
        scopes = {each.arguments["scope"] for each in firewalls}
        findings.same(name, "the scopes of firewalls", scopes, {"REGIONAL", "CLOUDFRONT"})
        for firewall in firewalls:
            text = str(firewall.arguments)
            for wanted in ("AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"):
                findings.holds(firewall, f"has no {wanted}", holds=wanted in text)
            findings.holds(firewall, "has no rate", holds="rate_based_statement" in text)
        findings.only(
            name, "guarded load balancers", environment.of_type("aws_wafv2_web_acl_association"), 1
        )
    return findings


def names_are_certified(terraform: Terraform) -> list[str]:
    """Compare the certificates with the names, and the names with where they lead."""
    findings = Findings()
    for name, environment in deployments(terraform):
        domain = DOMAINS[name]
        certificates = {
            str(each.name): {
                each.arguments["domain_name"],
                *each.arguments.get("subject_alternative_names", []),
            }
            for each in environment.of_type("aws_acm_certificate")
        }
        wanted = {"regional": {domain, f"admin.{domain}", f"origin.{domain}"}, "cdn": {domain}}
        findings.same(name, "the certificates", certificates, wanted)
        records = {
            (each.arguments["name"], each.arguments["type"])
            for each in environment.of_type("aws_route53_record")
            if "alias" in each.arguments
        }
        for host in (domain, f"admin.{domain}", f"origin.{domain}"):
            findings.holds(name, f"{host} leads nowhere", holds=(host, "A") in records)
    return findings


def sign_in_is_hosted(terraform: Terraform) -> list[str]:
    """Look at the user pool: a page of its own, codes instead of tokens, our addresses alone."""
    findings = Findings()
    for name, environment in deployments(terraform):
        findings.only(name, "user pools", environment.of_type("aws_cognito_user_pool"), 1)
        findings.only(name, "sign-in pages", environment.of_type("aws_cognito_user_pool_domain"), 1)
        for client in environment.of_type("aws_cognito_user_pool_client"):
            findings.has(client, allowed_oauth_flows=["code"], generate_secret=True)
            hosts = tuple(f"https://{host}/" for host in _hosts(name))
            for address in client.arguments["callback_urls"]:
                findings.holds(
                    client, f"sends codes to {address}", holds=str(address).startswith(hosts)
                )
    return findings


def _hosts(name: str) -> list[str]:
    return [DOMAINS[name], f"admin.{DOMAINS[name]}"]
