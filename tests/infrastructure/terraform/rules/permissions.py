"""Who may do what in AWS: no more than is written here."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from config.infrastructure.deployment import Deployment, Instance, Terraform, policy_of
from config.infrastructure.functions import to_text
from tests.infrastructure.terraform.rules.findings import Findings, deployments

_FILES = frozenset(
    {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:ListBucket"}
    | {"kms:Decrypt", "kms:GenerateDataKey"}
)
_START = frozenset(
    {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken"}
    | {"ecr:GetDownloadUrlForLayer", "kms:Decrypt", "logs:CreateLogStream", "logs:PutLogEvents"}
    | {"secretsmanager:GetSecretValue"}
)
_SEND = frozenset({"sqs:SendMessage", "sqs:GetQueueAttributes"})
_WORKER = (
    _FILES
    | _START
    | _SEND
    | {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}
    | {"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite", "ssm:GetParameter"}
    | {"logs:DescribeLogStreams"}
    | {"autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"}
)
_DEPLOY = frozenset(
    {"application-autoscaling:DescribeScalableTargets"}
    | {"application-autoscaling:RegisterScalableTarget"}
    | {f"autoscaling:{verb}InstanceRefresh" for verb in ("Cancel", "Rollback", "Start")}
    | {"autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeInstanceRefreshes"}
    | {"cloudfront:CreateInvalidation", "cloudfront:GetInvalidation", "cloudwatch:DescribeAlarms"}
    | {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload"}
    | {"ecr:DescribeImageScanFindings", "ecr:DescribeImages", "ecr:GetAuthorizationToken"}
    | {"ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage"}
    | {"ecr:UploadLayerPart", "ecs:DescribeServices", "ecs:DescribeTaskDefinition"}
    | {"ecs:DescribeTasks", "ecs:ListTaskDefinitions", "ecs:RegisterTaskDefinition"}
    | {"ecs:RunTask", "ecs:StopTask", "ecs:TagResource", "ecs:UpdateService"}
    | {f"elasticloadbalancing:Describe{what}" for what in ("Rules", "TargetGroups", "TargetHealth")}
    | {"elasticloadbalancing:ModifyRule", "iam:PassRole", "logs:FilterLogEvents"}
    | {"logs:GetLogEvents", "s3:ListBucket", "s3:PutObject", "ssm:GetParameter", "ssm:PutParameter"}
)
# By role, without easel-ENVIRONMENT: what it may do at most.
ACTIONS: Mapping[str, frozenset[str]] = {
    "web": _FILES | _SEND,
    "admin": _FILES | _SEND,
    # It empties the dead letters into the books.
    "scheduler": _FILES | _SEND | {"sqs:ReceiveMessage", "sqs:DeleteMessage"},
    "migrate": frozenset(),
    **{f"{role}-execution": _START for role in ("web", "admin", "scheduler", "migrate")},
    **{f"gpu-{label}": _WORKER for label in ("basic", "highperf", "dedicated")},
    "deploy": _DEPLOY,
    "flow-logs": frozenset(
        {"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"}
    ),
    "database-proxy": frozenset({"kms:Decrypt", "secretsmanager:GetSecretValue"}),
    # AWS's own policy: it writes the metrics of the database's host.
    "database-monitoring": frozenset({"AmazonRDSEnhancedMonitoringRole"}),
    "chatbot": frozenset({"cloudwatch:DescribeAlarms"}),
}
# For these AWS has no narrower resource.
WITHOUT_RESOURCE = frozenset(
    {"ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"}
    | {f"elasticloadbalancing:Describe{what}" for what in ("Rules", "TargetGroups", "TargetHealth")}
    | {"application-autoscaling:DescribeScalableTargets", "autoscaling:DescribeAutoScalingGroups"}
    | {"autoscaling:DescribeInstanceRefreshes"}
    # Composite alarms are shown only to whoever may see all.
    | {"cloudwatch:DescribeAlarms"}
)


def nothing_may_do_everything(terraform: Terraform) -> list[str]:
    """Find statements that allow whole services, or their actions on everything there is."""
    findings = Findings()
    for _, environment in deployments(terraform):
        keys = _policies_of_keys(environment)
        for document in _documents(environment):
            for statement in policy_of(document.arguments)["Statement"]:
                if statement["Effect"] == "Allow":
                    of_key = f"{document.address}.json" in keys
                    findings.extend(_of_statement(document, statement, of_key=of_key))
    return findings


def _documents(environment: Deployment) -> Iterator[Instance]:
    for each in environment.instances:
        if each.kind == "data" and each.type == "aws_iam_policy_document":
            yield each


def _policies_of_keys(environment: Deployment) -> frozenset[str]:
    texts = {each.arguments["policy"] for each in environment.of_type("aws_kms_key")}
    return frozenset(
        f"{each.address}.json"
        for each in _documents(environment)
        if json.dumps(policy_of(each.arguments), default=to_text) in texts
    )


def _of_statement(document: Instance, statement: Mapping[str, Any], *, of_key: bool) -> Findings:
    findings = Findings()
    place = f"{document.address} ({statement['Sid'] or 'without a name'})"
    findings.holds(place, "allows all but a list", holds="NotAction" not in statement)
    for action in statement["Action"]:
        # In the policy of a key, `kms:*` on `*` leaves the key itself to the account.
        wide = "*" in action and not (of_key and action == "kms:*")
        findings.holds(place, f"allows {action}", holds=not wide)
    if "*" in [to_text(resource) for resource in statement["Resource"]] and not of_key:
        for action in sorted(set(statement["Action"]) - WITHOUT_RESOURCE):
            findings.append(f"{place}: allows {action} on everything")
    for principal in statement["Principal"]:
        everybody = "*" in [to_text(each) for each in principal["identifiers"]]
        findings.holds(place, "allows it to everybody", holds=not everybody)
    return findings


def roles_may_do_what_they_need(terraform: Terraform) -> list[str]:
    """Compare what each role may do with the list."""
    findings = Findings()
    for name, environment in deployments(terraform):
        prefix = f"easel-{name}-"
        found = _actions_by_role(environment)
        for role, actions in found.items():
            allowed = ACTIONS.get(role.removeprefix(prefix))
            if allowed is None:
                findings.append(f"{name}: nobody knows of the role {role}")
                continue
            for action in sorted(actions - allowed):
                findings.append(f"{name}: {role} may {action}")
    return findings


def _actions_by_role(environment: Deployment) -> dict[str, set[str]]:
    roles = {f"{each.address}.id": each for each in environment.of_type("aws_iam_role")}
    found: dict[str, set[str]] = {str(each.arguments["name"]): set() for each in roles.values()}
    policies = {f"{each.address}.arn": each for each in environment.of_type("aws_iam_policy")}
    for each in environment.of_type("aws_iam_role_policy"):
        name = str(roles[each.arguments["role"].text].arguments["name"])
        found[name] |= _actions(each)
    for each in environment.of_type("aws_iam_role_policy_attachment"):
        policy = policies.get(getattr(each.arguments["policy_arn"], "text", ""))
        found[str(each.arguments["role"])] |= (
            _actions(policy) if policy else {str(each.arguments["policy_arn"]).rsplit("/", 1)[-1]}
        )
    return found


def _actions(policy: Instance) -> set[str]:
    return {
        action
        for statement in json.loads(policy.arguments["policy"])["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


def workers_see_their_own_tier(terraform: Terraform) -> list[str]:
    """See that a worker, which opens files of strangers, reads the queue of its tier alone."""
    findings = Findings()
    for name, environment in deployments(terraform):
        for each in environment.of_type("aws_iam_role_policy"):
            if each.name != "worker":
                continue
            tier = each.address.rsplit("[", 1)[-1]
            queues = {
                str(resource)
                for statement in json.loads(each.arguments["policy"])["Statement"]
                for resource in statement["Resource"]
                if any(action.startswith("sqs:") for action in statement["Action"])
            }
            findings.holds(
                name,
                f"the workers of {tier} reach {sorted(queues)}",
                holds=bool(queues) and all(f"aws_sqs_queue.tier[{tier}" in q for q in queues),
            )
    return findings


def github_is_let_in_by_environment(terraform: Terraform) -> list[str]:
    """See that the deploy role trusts one environment of one repository, and keys are nowhere."""
    findings = Findings()
    for name, environment in deployments(terraform):
        for document in _documents(environment):
            if document.name != "deploy_trust":
                continue
            subjects = [
                to_text(value)
                for statement in policy_of(document.arguments)["Statement"]
                for condition in statement["Condition"]
                if condition["variable"].endswith(":sub") and condition["test"] == "StringEquals"
                for value in condition["values"]
            ]
            exact = len(subjects) == 1 and subjects[0].endswith(f":environment:{name}")
            findings.holds(document, f"lets {subjects} in", holds=exact and "*" not in subjects[0])
        findings.only(name, "users", environment.of_type("aws_iam_user", "aws_iam_access_key"), 0)
    return findings
