"""What the scaling makes of a day, minute by minute."""

from config.infrastructure.deployment import Terraform
from tests.infrastructure.terraform.rules.compute import LABELS, SIZES
from tests.infrastructure.terraform.rules.findings import Findings
from tests.infrastructure.terraform.rules.simulation import Tier, tier_of

# Minutes of a quick start, of a p4d.24xlarge's, and of one that lasts longer than the alarm waits.
STARTS = (4, 7, 12)


def instances_stay_while_they_are_wanted(terraform: Terraform) -> list[str]:
    """Have one job come to an empty tier, and see its instance through start, job and idle end."""
    findings = Findings()
    for (name, tier_name), (least, _most) in SIZES.items():
        group = f"easel-{name}-gpu-{LABELS[tier_name]}"
        for start in STARTS:
            tier = tier_of(terraform.environments[name], group, start_minutes=start)
            findings.extend(_night(tier, group))
            if least:
                findings.extend(_morning(tier, group, least))
    return findings


def _night(tier: Tier, group: str) -> Findings:
    findings = Findings()
    tier.run(60)
    findings.same(group, "what an empty tier has", set(tier.capacities), {0})
    findings.holds(group, "would take from an empty tier", holds=not tier.shrinks())
    for hour in range(2):
        tier.waiting = 1
        tier.run(2)
        findings.same(group, f"the answer to job {hour}", len(tier.instances), 1)
        tier.run(tier.start_minutes + 1)
        findings.same(group, f"the wait for job {hour}", (tier.waiting, tier.busy), (0, 1))
        tier.run(5)
        findings.same(group, f"the end of job {hour}", tier.busy, 0)
        findings.same(group, "the instance just after", len(tier.instances), 1)
        tier.run(5)
        findings.same(group, "the instance soon after", len(tier.instances), 1)
        tier.run(10)
        findings.same(group, "the instance with nothing to do", len(tier.instances), 0)
        findings.holds(group, "would take from an empty tier", holds=not tier.shrinks())
    findings.same(group, "instances taken from work", tier.taken_from_work, 0)
    return findings


def _morning(tier: Tier, group: str, least: int) -> Findings:
    findings = Findings()
    tier.least = least
    tier.run(60)
    findings.same(group, "what an idle day leaves", len(tier.instances), least)
    tier.waiting = 1
    tier.run(30, job_minutes=25)
    findings.same(group, "work by day left over", tier.waiting, 0)
    # Night comes in the middle of a long job.
    tier.waiting = 1
    tier.run(5, job_minutes=25)
    tier.least = 0
    tier.run(19)
    findings.same(group, "the last instance at work", (len(tier.instances), tier.busy), (least, 1))
    tier.run(12)
    findings.same(group, "what an idle night leaves", len(tier.instances), 0)
    findings.same(group, "instances taken from work", tier.taken_from_work, 0)
    return findings
