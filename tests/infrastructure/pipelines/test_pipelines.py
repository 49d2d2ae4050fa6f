"""The pipelines keep to their rules, and each rule finds a pipeline that does not."""

import re
import shlex
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from config.release.__main__ import _parser
from config.release.plan import STEPS
from tests.infrastructure.pipelines import rules
from tests.stack import ROOT

TEXTS = rules.texts()
RULES: dict[str, Callable[[str], list[str]]] = {
    "pinned": rules.unpinned,
    "rights": rules.too_many_rights,
    "limits": rules.missing_limits,
    "injection": rules.injectable,
    "keys": rules.keys,
    "targets": lambda text: rules.unknown_targets(text, rules.makefile()),
}
# What one of our workflows must not become: the change, and the rule that finds it.
MUTATIONS: dict[str, tuple[str, Callable[[str], str]]] = {
    "tag instead of a commit": (
        "pinned",
        lambda text: re.sub(r"checkout@[0-9a-f]{40} # v\S+", "checkout@v6", text),
    ),
    "short commit": ("pinned", lambda text: re.sub(r"@([0-9a-f]{12})[0-9a-f]{28}", r"@\1", text)),
    "commit without its version": ("pinned", lambda text: re.sub(r" # v[\d.]+", "", text)),
    "rights of the workflow": (
        "rights",
        lambda text: text.replace("permissions: {}", "permissions: write-all", 1),
    ),
    "rights of a job": ("rights", lambda text: text.replace("contents: read", "contents: write")),
    "another right": ("rights", lambda text: text.replace("id-token: write", "actions: write")),
    "no end": ("limits", lambda text: re.sub(r" +timeout-minutes: .*\n", "", text)),
    "beside itself": ("limits", lambda text: text.replace("concurrency:", "other:")),
    "input in a script": ("injection", lambda text: text.replace('"$URL"', "${{ inputs.url }}")),
    "key of AWS": ("keys", lambda text: text.replace("GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY")),
    "key in the text": ("keys", lambda text: text + "# AKIA" + "A" * 16),
    "any secret": ("keys", lambda text: text.replace("secrets.GITHUB_TOKEN", "secrets[x]")),
    "unknown target": ("targets", lambda text: text + "      - run: make coffee\n"),
}


def test_the_pipelines_are_there() -> None:
    assert set(TEXTS) == {
        *("checks.yaml", "deploy.yaml", "images.yaml", "nightly.yaml", "release.yaml"),
        "rollback.yaml",
    }


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", TEXTS)
def test_a_pipeline_keeps_the_rule(name: str, rule: str) -> None:
    assert RULES[rule](TEXTS[name]) == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_control_a_breach_is_found(name: str) -> None:
    rule, change = MUTATIONS[name]
    broken = change(TEXTS["deploy.yaml"])

    assert broken != TEXTS["deploy.yaml"]
    assert RULES[rule](broken) != []


# As above: what becomes of one of the files, so that a secret is empty or too many are there.
PASSING: dict[str, tuple[str, str, str, list[str]]] = {
    "no declaration": (
        *("deploy.yaml", "      EASEL_RELEASE_API_KEY:\n", "      OTHER:\n"),
        ["deploy.yaml declares no EASEL_RELEASE_API_KEY"],
    ),
    "another secret read": (
        *("deploy.yaml", "secrets.GITHUB_TOKEN", "secrets.OTHER"),
        [
            "deploy.yaml declares no OTHER",
            "release.yaml: staging passes no OTHER",
            "release.yaml: production passes no OTHER",
        ],
    ),
    "nothing passed": (
        *("release.yaml", "    secrets:\n      EASEL_RELEASE_API_KEY: ", "    env:\n      KEY: "),
        [
            "release.yaml: staging passes no EASEL_RELEASE_API_KEY",
            "release.yaml: production passes no EASEL_RELEASE_API_KEY",
        ],
    ),
    "another passed": (
        *("release.yaml", "${{ secrets.EASEL_RELEASE_API_KEY }}", "${{ secrets.GITHUB_TOKEN }}"),
        [
            "release.yaml: staging passes no EASEL_RELEASE_API_KEY",
            "release.yaml: production passes no EASEL_RELEASE_API_KEY",
        ],
    ),
    "all passed": (
        "release.yaml",
        "    secrets:\n      EASEL_RELEASE_API_KEY: ${{ secrets.EASEL_RELEASE_API_KEY }}\n",
        "    secrets: inherit\n",
        ["release.yaml: staging passes all", "release.yaml: production passes all"],
    ),
}


def test_a_called_workflow_is_given_the_secrets_that_it_reads() -> None:
    assert rules.unpassed(TEXTS) == []


@pytest.mark.parametrize("name", PASSING)
def test_control_a_secret_that_is_not_passed_is_found(name: str) -> None:
    file, old, new, wanted = PASSING[name]
    assert old in TEXTS[file]

    assert rules.unpassed({**TEXTS, file: TEXTS[file].replace(old, new)}) == wanted


def test_a_missing_target_of_the_matrix_is_found() -> None:
    text = TEXTS["checks.yaml"].replace("target: lint", "target: lynt")

    assert rules.unknown_targets(text, rules.makefile()) == ["lynt"]


def test_each_check_of_a_change_is_made() -> None:
    checks = rules.load(TEXTS["checks.yaml"])
    matrix = checks["jobs"]["checks"]["strategy"]["matrix"]["include"]

    assert [one["target"] for one in matrix] == ["lint", "test", "test-slow", "infra-check"]
    assert {"pull_request", "push", "workflow_call"} == set(checks["on"])


def test_production_comes_after_staging_and_a_person() -> None:
    jobs = rules.load(TEXTS["release.yaml"])["jobs"]

    assert set(jobs["staging"]["needs"]) == {"checks", "images"}
    assert jobs["approval"]["needs"] == "staging"
    assert jobs["approval"]["environment"] == "production-approval"
    assert "approval" in jobs["production"]["needs"]
    images = [jobs[name]["with"]["web-image"] for name in ("staging", "production")]
    assert images == ["${{ needs.images.outputs.web }}"] * 2


def test_what_is_deployed_is_scanned_tried_and_taken_back() -> None:
    jobs = rules.load(TEXTS["deploy.yaml"])["jobs"]
    scripts = [step.get("run", "") for step in jobs["deploy"]["steps"]]
    commands = [word for script in scripts for word in re.findall(r"config\.release (\S+)", script)]

    assert commands == ["scan", "scan", "deploy", "smoke", "e2e", "rollback", "settle"]
    last = {step["name"]: step.get("if", "") for step in jobs["deploy"]["steps"] if "name" in step}
    assert last["Go back to the version before"] == (
        "failure() && steps.deploy.outcome == 'success'"
    )
    assert "cancelled()" in last["Leave no traffic on half a release"]


def test_the_steps_of_the_traffic_are_those_of_the_design() -> None:
    assert [percent for percent, _seconds in STEPS] == [10, 50]
    assert STEPS[-1][1] == 300


def test_roles_are_lent_where_aws_is_asked() -> None:
    for name, text in TEXTS.items():
        for job_name, job in rules.load(text)["jobs"].items():
            uses = [step.get("uses", "") for step in job.get("steps", [])]
            lends = any(one.startswith("aws-actions/configure-aws-credentials@") for one in uses)
            may = "id-token" in job.get("permissions", {})
            assert lends == may or "uses" in job, (name, job_name)
            assert not lends or "environment" in job, (name, job_name)


def commands() -> list[list[str]]:
    """Return the words of each call of the release program in the workflows."""
    found = []
    for text in TEXTS.values():
        for step in rules.steps(rules.load(text)):
            script = step.get("run", "").replace("\\\n", " ")
            for line in script.splitlines():
                _before, is_call, after = line.partition("python -m config.release ")
                if is_call:
                    found.append(shlex.split(re.sub(r'"\$\(.*\)"', "x", after)))
    return found


def test_the_release_program_takes_what_the_workflows_say() -> None:
    calls = commands()

    assert len(calls) >= 10
    for words in calls:
        # A number where a variable has one.
        _parser().parse_args([word.replace("$LEAST_TASKS", "2") for word in words])


def test_control_a_misspelt_flag_is_refused() -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args(["settle", "--environment", "staging", "--rule", "x", "--alarm"])


@pytest.mark.parametrize("script", ["build-image", "copy-image"])
def test_scripts_are_programs_that_bash_can_read(script: str) -> None:
    path = ROOT / ".github" / script

    assert path.stat().st_mode & 0o111
    assert path.read_text().splitlines()[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in path.read_text()
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0


def test_updates_move_the_pins() -> None:
    updates: list[dict[str, Any]] = rules.load((ROOT / ".github/dependabot.yaml").read_text())[
        "updates"
    ]

    assert {one["package-ecosystem"] for one in updates} >= {"github-actions", "docker", "npm"}
