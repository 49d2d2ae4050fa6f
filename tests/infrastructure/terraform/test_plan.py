"""Terraform itself reads, plans and makes every environment, with a stand-in where AWS would be."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure.terraform.planning import (
    Environment,
    Resource,
    Resources,
    TerraformError,
    copy_of,
    schemas_of,
)
from tests.infrastructure.terraform.stand_in.provider import serve

pytestmark = pytest.mark.usefixtures("tools")

ENVIRONMENTS = ("dev", "staging", "production")
# How many of some telling types each environment has.
COUNTS: dict[str, tuple[int, int, int]] = {
    "aws_autoscaling_group": (0, 1, 3),
    "aws_autoscaling_policy": (0, 4, 12),
    "aws_launch_template": (0, 1, 3),
    "aws_rds_cluster": (1, 1, 1),
    "aws_rds_cluster_instance": (1, 2, 2),
    "aws_ecs_service": (4, 4, 4),
    "aws_ecs_task_definition": (4, 4, 4),
    "aws_nat_gateway": (2, 2, 2),
    "aws_subnet": (6, 6, 6),
    "aws_sqs_queue": (6, 6, 6),
    "aws_wafv2_web_acl": (2, 2, 2),
    "aws_cloudfront_distribution": (1, 1, 1),
}
CAPACITY = {"dev": (0.5, 4), "staging": (0.5, 8), "production": (0.5, 32)}
# The longest documents that AWS takes, in characters without white space; those within a role
# count together.
LONGEST = {
    "aws_iam_policy": 6_144,
    "aws_iam_role": 2_048,
    "aws_iam_role_policy": 10_240,
    "aws_kms_key": 32_768,
    "aws_s3_bucket_policy": 20_480,
}
# Actions for which AWS knows no resource, or lists all of them.
UNNAMED = re.compile(r"ecr:GetAuthorizationToken|[a-z-]+:(Describe|List)\w+")
_DOCUMENTS = {
    "aws_efs_file_system_policy": "policy",
    "aws_iam_policy": "policy",
    "aws_iam_role": "assume_role_policy",
    "aws_iam_role_policy": "policy",
    "aws_kms_key": "policy",
    "aws_s3_bucket_policy": "policy",
    "aws_sns_topic_policy": "policy",
    "aws_sqs_queue_policy": "policy",
}

_MISTAKES = {
    "an unknown argument": (
        "modules/queues",
        'resource "aws_sqs_queue" "wrong" {\n  visibility_timeout = 30\n}\n',
        'An argument named "visibility_timeout" is not expected here',
    ),
    "an unknown block": (
        "modules/queues",
        'resource "aws_sqs_queue" "wrong" {\n  redrive {}\n}\n',
        'Blocks of type "redrive" are not expected here',
    ),
    "a required argument that is missing": (
        "modules/queues",
        'resource "aws_sqs_queue_policy" "wrong" {\n  queue_url = "somewhere"\n}\n',
        'The argument "policy" is required',
    ),
    "a text instead of a number": (
        "modules/queues",
        'resource "aws_sqs_queue" "wrong" {\n  delay_seconds = "soon"\n}\n',
        "a number is required",
    ),
    "an attribute that is not there": (
        "modules/queues",
        """
resource "aws_sqs_queue" "wrong" {}

output "wrong" {
  value = aws_sqs_queue.wrong.adress
}
""",
        'has no argument, nested block, or exported attribute named "adress"',
    ),
    "an input that is missing": (
        "environments/dev",
        'module "wrong" {\n  source = "../../modules/storage"\n}\n',
        'The argument "kms_key_arn" is required',
    ),
    "a list to make a resource for each of": (
        "modules/queues",
        'resource "aws_sqs_queue" "wrong" {\n  for_each = ["one", "two"]\n}\n',
        'The given "for_each" argument value is unsuitable',
    ),
}


@pytest.fixture(scope="module")
def reattach(terraform_folder: Path, tools: None) -> Iterator[str]:
    with serve(schemas_of(terraform_folder)) as address:
        yield address


@pytest.fixture(scope="module")
def environment(
    terraform_folder: Path, reattach: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Environment]:
    copy = copy_of(terraform_folder, tmp_path_factory.mktemp("plan") / "terraform")
    return lambda name: Environment(copy, name, reattach)


@pytest.fixture(scope="module")
def made(environment: Callable[[str], Environment]) -> Callable[[], Resources]:
    @cache
    def make() -> Resources:
        production = environment("production")
        production.validate()
        production.plan()
        return production.apply()

    return make


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_terraform_plans_an_environment(
    name: str, environment: Callable[[str], Environment], terraform_folder: Path
) -> None:
    chosen = environment(name)
    chosen.validate()
    called = {folder.name for folder in chosen.modules()}
    assert called == {file.parent.name for file in terraform_folder.glob("modules/*/main.tf")}
    plan = chosen.plan()
    found = Counter(each.type for each in plan.every)
    place = ENVIRONMENTS.index(name)
    assert {kind: found[kind] for kind in COUNTS} == {
        kind: numbers[place] for kind, numbers in COUNTS.items()
    }
    (cluster,) = plan.of("aws_rds_cluster")
    (scaling,) = cluster.values["serverlessv2_scaling_configuration"]
    assert (scaling["min_capacity"], scaling["max_capacity"]) == CAPACITY[name]
    assert cluster.values["deletion_protection"] is (name != "dev")
    zones = {each.values["availability_zone"] for each in plan.of("aws_subnet")}
    assert zones == {"ap-northeast-2a", "ap-northeast-2c"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mistake", _MISTAKES)
def test_terraform_refuses(
    mistake: str, terraform_folder: Path, reattach: str, tmp_path: Path
) -> None:
    folder, text, complaint = _MISTAKES[mistake]
    copy = copy_of(terraform_folder, tmp_path / "terraform")
    (copy / folder / "wrong.tf").write_text(text)
    with pytest.raises(TerraformError) as refused:
        Environment(copy, "dev", reattach).validate()
    assert complaint in " ".join(str(refused.value).split())
    assert "wrong.tf" in str(refused.value)


@pytest.mark.timeout(300)
def test_terraform_refuses_to_plan_for_names_that_nobody_knows_yet(
    terraform_folder: Path, reattach: str, tmp_path: Path
) -> None:
    copy = copy_of(terraform_folder, tmp_path / "terraform")
    (copy / "modules" / "queues" / "wrong.tf").write_text(
        'resource "aws_sqs_queue" "first" {}\n'
        'resource "aws_sqs_queue" "wrong" {\n'
        "  for_each = toset([aws_sqs_queue.first.arn])\n}\n"
    )
    dev = Environment(copy, "dev", reattach)
    dev.validate()
    with pytest.raises(TerraformError, match=r"wrong\.tf:3: Invalid for_each argument"):
        dev.plan()


@pytest.mark.timeout(300)
def test_the_repository_is_named_as_in_the_tokens_of_its_runs(
    environment: Callable[[str], Environment],
) -> None:
    dev = environment("dev")
    dev.validate()
    # Without the numbers, as GitHub names those made before 2026-07-15.
    trust = dev.plan(repository="Some-Body/easel.app")
    assert trust.of("aws_iam_role")
    for name in ("easel", "some@1/easel", "some/easel@2", "some@1/easel@2:ref", "some/*", "a/b/c"):
        with pytest.raises(TerraformError, match="Name the repository as OWNER@ID/NAME@ID"):
            dev.plan(repository=name)


def _statements(resource: Resource) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_text(resource))["Statement"]
    return found


def _text(resource: Resource) -> str:
    return str(resource.values[_DOCUMENTS[resource.type]])


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _with_documents(made: Resources) -> list[Resource]:
    return [each for each in made.every if each.type in _DOCUMENTS]


@pytest.mark.timeout(300)
def test_every_policy_says_something_and_is_short_enough(made: Callable[[], Resources]) -> None:
    lengths: Counter[tuple[str, str]] = Counter()
    for each in _with_documents(made()):
        assert _statements(each), each.address
        role = each.values["role"] if each.type == "aws_iam_role_policy" else each.address
        lengths[each.type, role] += len(json.dumps(json.loads(_text(each)), separators=(",", ":")))
    assert {kind for kind, _ in lengths} == set(_DOCUMENTS)
    assert not {
        key: length for key, length in lengths.items() if length > LONGEST.get(key[0], 20_480)
    }


@pytest.mark.timeout(300)
def test_no_policy_allows_every_action_or_every_resource(made: Callable[[], Resources]) -> None:
    wide = {
        (each.address, action)
        for each in _with_documents(made())
        if each.type in {"aws_iam_policy", "aws_iam_role_policy"}
        for statement in _statements(each)
        if statement["Effect"] == "Allow"
        for action in _many(statement.get("Action", "*"))
        if "*" in action or (statement["Resource"] == "*" and UNNAMED.fullmatch(action) is None)
    }
    assert wide == set()


@pytest.mark.timeout(300)
def test_nobody_outside_is_allowed_anything(made: Callable[[], Resources]) -> None:
    open_to_all = [
        (each.address, statement.get("Sid"))
        for each in _with_documents(made())
        for statement in _statements(each)
        if statement["Effect"] == "Allow"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and "Condition" not in statement
    ]
    assert open_to_all == []


@pytest.mark.timeout(300)
def test_buckets_and_queues_are_reached_by_tls_only(made: Callable[[], Resources]) -> None:
    refused = {"Bool": {"aws:SecureTransport": "false"}}
    for guarded, policy in (
        ("aws_s3_bucket", "aws_s3_bucket_policy"),
        ("aws_sqs_queue", "aws_sqs_queue_policy"),
    ):
        policies = made().of(policy)
        assert len(policies) == len(made().of(guarded))
        for each in policies:
            assert any(
                statement["Effect"] == "Deny"
                and statement["Principal"] in ("*", {"AWS": "*"})
                and statement.get("Condition") == refused
                for statement in _statements(each)
            ), each.address


@pytest.mark.timeout(300)
def test_only_our_repository_deploys(made: Callable[[], Resources]) -> None:
    federated = [
        statement
        for each in made().of("aws_iam_role")
        for statement in _statements(each)
        if "Federated" in statement["Principal"]
    ]
    assert federated
    for statement in federated:
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        condition = statement["Condition"]["StringEquals"]
        assert condition["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
        subjects = _many(condition["token.actions.githubusercontent.com:sub"])
        assert subjects
        assert all(
            each.startswith("repo:easel@123456/easel@456789:environment:") for each in subjects
        )
