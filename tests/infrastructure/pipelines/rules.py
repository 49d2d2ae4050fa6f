"""What our pipelines must keep to, as functions that name each breach."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.stack import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
# Nobody's key to AWS is among them: the token of the run, and a key of Easel itself.
SECRETS = {"GITHUB_TOKEN", "EASEL_RELEASE_API_KEY"}
# What a job may be given beyond reading the sources, with the reason.
RIGHTS = {
    "id-token": "to be lent a role of AWS",
    "packages": "to store images between the environments",
}
_PINNED = re.compile(r"[\w.-]+/[\w.-]+(/[\w.-]+)*@[0-9a-f]{40}$")
_VERSION = re.compile(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
_MAKE = re.compile(r"\bmake\s+([a-z][a-z-]*)")
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
_EXPRESSION = re.compile(r"\$\{\{")
_SECRET = re.compile(r"secrets\.(\w+)|secrets\[")
_KEY = re.compile(
    r"AKIA[0-9A-Z]{16}|aws[-_]secret[-_]access[-_]key|aws[-_]access[-_]key[-_]id", re.IGNORECASE
)


def load(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    # YAML 1.1 takes the word `on` for true.
    found["on"] = found.pop(True, None) or found.get("on")  # type: ignore[call-overload]
    return found


def texts() -> dict[str, str]:
    """Return the sources of all workflows by name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(WORKFLOWS.glob("*"))}


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job.get("steps", [])


def unpinned(text: str) -> list[str]:
    """Return actions that are not named by a commit with its version as a comment."""
    workflow = load(text)
    uses = [step["uses"] for step in steps(workflow) if "uses" in step]
    uses += [job["uses"] for job in workflow["jobs"].values() if "uses" in job]
    loose = [one for one in uses if not one.startswith("$/") and not _PINNED.match(one)]
    lines = [line.strip().removeprefix("- ") for line in text.splitlines() if "@" in line]
    return loose + [line for line in lines if line.startswith("uses:") and not _VERSION.match(line)]


def too_many_rights(text: str) -> list[str]:
    """Return the jobs that may more than they must, or do not say what they may."""
    workflow = load(text)
    found = [] if workflow.get("permissions") == {} else ["the workflow itself"]
    for name, job in workflow["jobs"].items():
        rights = job.get("permissions")
        if rights is None or isinstance(rights, str):
            found.append(name)
            continue
        allowed = {"contents": {"read"}, "id-token": {"write"}, "packages": {"read", "write"}}
        found += [
            f"{name}: {right}"
            for right, what in rights.items()
            if what not in allowed.get(right, ())
        ]
    return found


def missing_limits(text: str) -> list[str]:
    """Return jobs that may hang for ever, and workflows that may run beside themselves."""
    workflow = load(text)
    jobs = workflow["jobs"]
    found = [
        name for name, job in jobs.items() if "uses" not in job and "timeout-minutes" not in job
    ]
    is_called_only = set(workflow["on"]) == {"workflow_call"}
    groups = [workflow, *jobs.values()] if is_called_only else [workflow]
    if not any("concurrency" in one for one in groups):
        found.append("concurrency")
    return found


def injectable(text: str) -> list[str]:
    """Return the scripts into which an expression is written, instead of a variable."""
    scripts = [step.get("run", "") for step in steps(load(text))]
    return [script for script in scripts if _EXPRESSION.search(script)]


def keys(text: str) -> list[str]:
    """Return the secrets that no pipeline needs, and whatever looks like a key of AWS."""
    found = [name or "secrets[…]" for name in _SECRET.findall(text)]
    return [name for name in found if name not in SECRETS] + _KEY.findall(text)


def unpassed(sources: dict[str, str]) -> list[str]:
    """Return the secrets that a called workflow reads and would find empty, by where they lack.

    Only the token of the run is there by itself; `inherit` would hand over all that there are.
    """
    workflows = {name: load(text) for name, text in sources.items()}
    found = []
    for name, workflow in workflows.items():
        if "workflow_call" not in workflow["on"]:
            continue
        read = set(_SECRET.findall(sources[name])) - {"GITHUB_TOKEN"}
        declared = set((workflow["on"]["workflow_call"] or {}).get("secrets") or {})
        found += [f"{name} declares no {one}" for one in sorted(read - declared)]
        for caller, other in workflows.items():
            for job_name, job in other["jobs"].items():
                if job.get("uses", "").rpartition("/")[2] != name:
                    continue
                passed = job.get("secrets") or {}
                if isinstance(passed, str):
                    found.append(f"{caller}: {job_name} passes all")
                    continue
                right = {one for one, what in passed.items() if what == f"${{{{ secrets.{one} }}}}"}
                found += [f"{caller}: {job_name} passes no {one}" for one in sorted(read - right)]
    return found


def unknown_targets(text: str, makefile: str) -> list[str]:
    """Return the targets of make that a workflow names and the Makefile lacks."""
    workflow = load(text)
    wanted = set(_MAKE.findall(text))
    for job in workflow["jobs"].values():
        for one in job.get("strategy", {}).get("matrix", {}).get("include", []):
            wanted |= {one["target"]} if "target" in one else set()
    return sorted(wanted - set(_TARGET.findall(makefile)))


def makefile() -> str:
    return Path(ROOT, "Makefile").read_text(encoding="utf-8")
