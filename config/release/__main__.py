"""`python -m config.release COMMAND`: see `--help`, and docs/release.md for the order of things."""

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

import boto3

from config.release.aws import AwsFleet
from config.release.images import refuse_vulnerable, split_image
from config.release.journey import JOB_SECONDS, Journey
from config.release.plan import Environment, Release, ReleaseError
from config.release.rollout import Rollout
from config.release.session import RealClock
from config.release.smoke import Smoke
from config.version import VERSION

KEY_VARIABLE = "EASEL_RELEASE_API_KEY"
_log = logging.getLogger("easel.release")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m config.release")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "deploy": "Bring images to all traffic, or leave everything as it was.",
        "rollback": "Give the traffic back to the colour that had it before.",
        "restart": "Start every process anew, with the secrets and settings that there are now.",
        "status": "Print what runs where, as JSON.",
        "settle": "Put all traffic on one healthy colour, after a release that was killed.",
        "scan-live": "Refuse what runs if ECR has found something bad in its images.",
        "task": "Run a management command as a task and end with its exit code.",
    }.items():
        one = commands.add_parser(name, help=text, description=text)
        one.add_argument("--environment", required=True, help="staging or production")
        one.add_argument("--rule-arn", required=True, help="Terraform's output web_rule_arn")
        one.add_argument("--alarms", default="", help="Names of alarms, with commas between them.")
        one.add_argument("--gpu-groups", default="", help="Names of auto-scaling groups, likewise.")
        one.add_argument("--least-tasks", type=int, default=1)
        if name == "deploy":
            one.add_argument("--web-image", required=True, help="REPOSITORY@sha256:…")
            one.add_argument("--worker-image", required=True, help="REPOSITORY@sha256:…")
            one.add_argument(
                "--despite", default="", help="Those of the alarms that are not looked at: a fix."
            )
            one.add_argument("--url", help="Looked at while a tenth of the traffic is new.")
        if name == "scan-live":
            one.add_argument("--accept", default="", help="As with scan.")
        if name == "task":
            one.add_argument("words", nargs="+", help="The management command.")
    smoke = commands.add_parser("smoke", help="Look at a running Easel from outside.")
    smoke.add_argument("url")
    smoke.add_argument("--version", help=f"What must answer (this checkout is {VERSION}).")
    journey = commands.add_parser("e2e", help=f"Make a picture with the key in {KEY_VARIABLE}.")
    journey.add_argument("url")
    journey.add_argument("--seconds", type=float, default=JOB_SECONDS)
    scan = commands.add_parser("scan", help="Refuse an image in which ECR found something bad.")
    scan.add_argument("image", help="REPOSITORY@sha256:…")
    scan.add_argument("--accept", default="", help="CVEs that do no harm here, with commas.")
    return parser


def _environment(options: argparse.Namespace) -> Environment:
    return Environment(
        name=options.environment,
        rule_arn=options.rule_arn,
        alarms=_words(options.alarms),
        despite=_words(getattr(options, "despite", "")),
        gpu_groups=_words(options.gpu_groups),
        least_tasks=options.least_tasks,
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _rollout(options: argparse.Namespace) -> Rollout:
    environment = _environment(options)
    fleet = AwsFleet(boto3.Session(), environment)
    rollout = Rollout(fleet, environment, RealClock(), _log.info)
    if getattr(options, "url", None):
        rollout.look = lambda release: _smoke(options.url, release.version)
    return rollout


def _smoke(url: str, version: str | None) -> None:
    looks = Smoke(url, version=version).run()
    for looked in looks:
        _log.info("%s %s: %s", "ok " if looked.ok else "BAD", looked.name, looked.found)
    if not all(looked.ok for looked in looks):
        raise ReleaseError(f"{url} does not look as it must.")


def _deploy(options: argparse.Namespace) -> int:
    for image in (options.web_image, options.worker_image):
        split_image(image)
    _rollout(options).deploy(Release(VERSION, options.web_image, options.worker_image))
    return 0


def _rollback(options: argparse.Namespace) -> int:
    _rollout(options).rollback()
    return 0


def _restart(options: argparse.Namespace) -> int:
    _rollout(options).restart()
    return 0


def _settle(options: argparse.Namespace) -> int:
    _rollout(options).settle()
    return 0


def _status(options: argparse.Namespace) -> int:
    _print(_rollout(options).status())
    return 0


def _look(options: argparse.Namespace) -> int:
    _smoke(options.url, options.version)
    return 0


def _journey(options: argparse.Namespace) -> int:
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        raise ReleaseError(f"Set {KEY_VARIABLE} to a key with all scopes: docs/release.md.")
    _print(Journey(options.url, key=key).run(seconds=options.seconds))
    return 0


def _scan(options: argparse.Namespace) -> int:
    _scan_all([options.image], options.accept)
    return 0


def _scan_live(options: argparse.Namespace) -> int:
    release = _live_release(AwsFleet(boto3.Session(), _environment(options)))
    if release is None:
        raise ReleaseError("What runs was made by Terraform: nothing is released yet.")
    _scan_all([release.web_image, release.worker_image], options.accept)
    return 0


def _scan_all(images: Sequence[str], accepted: str) -> None:
    session, clock = boto3.Session(), RealClock()
    for image in images:
        found = refuse_vulnerable(session, image, clock=clock, accepted=_words(accepted))
        _print({"image": image, "found": found})


def _live_release(fleet: AwsFleet) -> Release | None:
    weights = fleet.weights()
    live = fleet.environment.colour(max(weights, key=lambda colour: weights[colour]))
    return fleet.release_of(fleet.service(live).definition)


def _task(options: argparse.Namespace) -> int:
    """Run a command as the release that has the traffic, with the logins of the migration."""
    environment = _environment(options)
    fleet = AwsFleet(boto3.Session(), environment)
    release = _live_release(fleet)
    family = environment.service("migrate")
    definition = fleet.register(family, release) if release else family
    return fleet.run_task(definition, command=["python", "manage.py", *options.words])


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "deploy": _deploy,
    "rollback": _rollback,
    "restart": _restart,
    "settle": _settle,
    "status": _status,
    "task": _task,
    "scan-live": _scan_live,
    "smoke": _look,
    "e2e": _journey,
    "scan": _scan,
}


def _print(found: Any) -> None:
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def _stop(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 1 with the reason on the error output."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    # GitHub and ECS end a process with it; the traffic goes back first.
    signal.signal(signal.SIGTERM, _stop)
    try:
        options = _parser().parse_args(arguments)
        return _COMMANDS[options.command](options)
    except ReleaseError as error:
        _log.error("%s", error)
        return 1
    except KeyboardInterrupt:
        _log.error("Interrupted.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
