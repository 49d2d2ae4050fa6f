"""What GitHub's environments are told for releases."""

from config.infrastructure.deployment import Terraform
from tests.infrastructure.terraform.rules.findings import Findings, deployments


def releases_stop_at_what_they_break(terraform: Terraform) -> list[str]:
    """See that outages stop a release, and that a wait for GPUs does not."""
    findings = Findings()
    for name, environment in deployments(terraform):
        variables = environment.attribute("easel").attribute("github_variables")
        alarms = set(variables["ALARMS"].split(","))
        for wanted in ("release", "api-error-rate", "slo-availability-burn-fast"):
            found = f"easel-{name}-{wanted}" in alarms
            findings.holds(name, f"a release does not stop at {wanted}", holds=found)
        waits = sorted(alarm for alarm in alarms if "queue-wait" in alarm)
        findings.same(name, "what stops a release for GPUs", waits, [])
    return findings
