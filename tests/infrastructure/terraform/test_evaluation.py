"""Our reading of the language against Terraform itself: the same files have the same values."""

import json
from pathlib import Path
from typing import Any

import pytest

from config.infrastructure.deployment import Terraform
from config.infrastructure.functions import Unknown
from config.local import infrastructure

_MODULE = """
variable "sizes" {
  type    = map(number)
  default = { large = 3, small = 1, middle = 2 }
}

variable "part" {
  type    = object({ name = string, days = optional(number, 7), tags = optional(list(string)) })
  default = { name = "part" }
}

variable "missing" {
  type    = string
  default = null
}

locals {
  names = ["web", "admin", "scheduler"]
  pairs = { for name in local.names : name => upper(name) }
}
"""
_EXPRESSIONS = (
    "1 + 2 * 3 - 4 / 2",
    "7 / 2",
    "17 % 5",
    "-(2 + 3)",
    "!(1 > 2) && (2 >= 2 || false)",
    '"a" == "a" ? "same" : "other"',
    '"${var.part.name}-${1 + 1}-${true}"',
    '"not $${interpolated} and %%{neither}"',
    '"tab\\t quote\\" and \\\\ back"',
    '[for name, size in var.sizes : "${name}=${size}"]',
    '[for index, name in local.names : index if name != "admin"]',
    "{ for name, size in var.sizes : upper(name) => size * 2 if size > 1 }",
    "{ for name in local.names : substr(name, 0, 1) => name... }",
    'local.pairs["web"]',
    "local.pairs.admin",
    "local.names[length(local.names) - 1]",
    "[{ a = 1 }, { a = 2 }][*].a",
    "var.missing[*]",
    "var.part.days",
    "var.part.tags",
    'coalesce(var.missing, "fallback")',
    'try(var.part.nothing, "tried")',
    "can(var.part.nothing)",
    "merge({ a = 1, b = 1 }, { b = 2 })",
    "concat([1], [2, 3], [])",
    "flatten([[1, [2]], [3]])",
    'distinct(["b", "a", "b"])',
    'compact(["a", "", "b"])',
    "keys(var.sizes)",
    "values(var.sizes)",
    'lookup(var.sizes, "huge", 9)',
    'zipmap(["x", "y"], [1, 2])',
    'sort(["b", "c", "a"])',
    "reverse([1, 2, 3])",
    "slice([1, 2, 3, 4], 1, 3)",
    'element(["a", "b"], 3)',
    'index(["a", "b"], "b")',
    'contains(local.names, "web")',
    'setproduct(["a", "b"], [1, 2])',
    'tolist(setsubtract(["a", "b"], ["b"]))',
    'tolist(toset(["b", "a", "b"]))',
    "range(1, 7, 2)",
    "max(1, 5, 3) + min([4, 2]...)",
    "floor(2.7) + ceil(2.1)",
    "sum([1, 2, 3])",
    "pow(2, 10)",
    'join(", ", local.names)',
    'split("-", "03:00-04:00")',
    'format("%s has %d of %v", "web", 2, true)',
    'replace("a.b.c", ".", "-")',
    'replace("easel-production", "/prod.*/", "dev")',
    'regex("^[a-z]+", "easel-production")',
    'title("easel production")',
    'trimprefix("easel-web", "easel-")',
    'trimsuffix("web-blue", "-blue")',
    'startswith("easel", "ea") && endswith("easel", "el")',
    'cidrsubnet("10.0.0.0/16", 8, 21)',
    'cidrhost("10.0.1.0/24", 5)',
    'formatdate("hh:mm", timeadd("2000-01-02T03:30:00Z", "-9h"))',
    'sha256("easel")',
    'base64encode("easel")',
    'jsondecode(jsonencode({ a = [1, null, true], b = { c = "d" } }))',
    "tostring(5)",
    'tonumber("5") + 1',
    'one(["only"])',
    "alltrue([for size in var.sizes : size > 0])",
    "<<-EOT\n  first ${var.part.name}\n    second\n  EOT",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("language") / "terraform" / "environments" / "sample"
    folder.mkdir(parents=True)
    outputs = [
        f'output "value_{number}" {{\n  value = {expression}\n}}\n'
        for number, expression in enumerate(_EXPRESSIONS)
    ]
    (folder / "main.tf").write_text("\n".join([_MODULE, *outputs]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def terraforms_values(folder: Path, tools: None) -> dict[str, Any]:
    """Let Terraform work the outputs out: without resources it needs no provider."""
    applied = infrastructure.terraform(f"-chdir={folder}", "apply", "-auto-approve")
    assert applied.returncode == 0, applied.stderr
    answer = json.loads(infrastructure.terraform(f"-chdir={folder}", "output", "-json").stdout)
    return {name: output["value"] for name, output in answer.items()}


@pytest.mark.parametrize(
    ("number", "expression"), [*enumerate(_EXPRESSIONS)], ids=[*map(str, range(len(_EXPRESSIONS)))]
)
def test_values_are_terraforms(
    folder: Path, terraforms_values: dict[str, Any], number: int, expression: str
) -> None:
    ours = Terraform(folder.parents[1]).environments["sample"].attribute(f"value_{number}")
    # Terraform leaves an output out that is null.
    assert ours == terraforms_values.get(f"value_{number}"), expression


def test_what_only_aws_knows_is_unknown(tmp_path: Path) -> None:
    folder = tmp_path / "environments" / "sample"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text(
        'resource "aws_vpc" "this" {\n  cidr_block = "10.0.0.0/16"\n}\n'
        'output "id" {\n  value = aws_vpc.this.id\n}\n'
        'output "cidr" {\n  value = aws_vpc.this.cidr_block\n}\n'
        'output "text" {\n  value = "vpc ${aws_vpc.this.id}"\n}\n'
        'output "there" {\n  value = aws_vpc.this.id != null\n}\n'
    )
    sample = Terraform(tmp_path).environments["sample"]
    assert sample.attribute("id") == Unknown("aws_vpc.this.id")
    assert sample.attribute("cidr") == "10.0.0.0/16"
    assert sample.attribute("text") == "vpc ${aws_vpc.this.id}"
    assert sample.attribute("there") is True


def test_two_modules_may_use_each_other(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / "modules" / name).mkdir(parents=True)
        (tmp_path / "modules" / name / "main.tf").write_text(
            'variable "given" {}\n'
            'output "own" {\n  value = "own"\n}\n'
            'output "both" {\n  value = "${var.given} by ' + name + '"\n}\n'
        )
    folder = tmp_path / "environments" / "sample"
    folder.mkdir(parents=True)
    (folder / "main.tf").write_text(
        'module "one" {\n  source = "../../modules/one"\n  given  = module.other.own\n}\n'
        'module "other" {\n  source = "../../modules/other"\n  given  = module.one.both\n}\n'
        'output "end" {\n  value = module.other.both\n}\n'
    )
    assert Terraform(tmp_path).environments["sample"].attribute("end") == "own by one by other"
