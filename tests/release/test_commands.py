"""The release program as the pipelines start it, against moto's server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from config.release.plan import Colour, Release
from tests.release.aws_stand_in import AwsStandIn
from tests.stack import ROOT

BLUE, GREEN = Colour.BLUE, Colour.GREEN


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandIn]:
    server = AwsStandIn()
    yield server
    server.stop()


def release(aws: AwsStandIn, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing in its environment but what leads it to the server."""
    return subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "config.release", *words),
            *("--environment", "staging", "--rule-arn", aws.environment.rule_arn),
            *("--alarms", ",".join(aws.environment.alarms)),
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **aws.process_environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_status_is_printed_as_json(aws: AwsStandIn) -> None:
    result = release(aws, "status")

    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["web-blue"]["traffic"], found["web-green"]["traffic"]) == (100, 0)
    assert found["web-blue"]["wanted"] == 3
    assert found["alarms"] == []


def test_what_a_killed_release_left_is_settled(aws: AwsStandIn) -> None:
    targets = [{"Id": "10.0.1.7", "Port": 8080}]
    elbv2 = aws.client("elbv2")
    aws.fleet.set_weights({BLUE: 50, GREEN: 50})
    for colour in Colour:
        elbv2.register_targets(TargetGroupArn=aws.groups[colour], Targets=targets)

    result = release(aws, "settle")

    assert result.returncode == 0, result.stderr
    assert aws.fleet.weights() == {BLUE: 100, GREEN: 0}
    assert "A release ended half-way: all traffic goes to blue." in result.stderr
    for colour in Colour:
        elbv2.deregister_targets(TargetGroupArn=aws.groups[colour], Targets=targets)


def test_without_a_healthy_colour_nothing_is_changed(aws: AwsStandIn) -> None:
    released = aws.fleet.register("easel-staging-web", Release("1.0.0", "w@sha256:0", "g@sha256:0"))
    aws.fleet.set_service("easel-staging-web-blue", definition=released, wanted=3)
    before = aws.fleet.weights(), aws.service("web-green")["taskDefinition"]
    images = ("--web-image", "w@sha256:1", "--worker-image", "g@sha256:1")

    result = release(aws, "deploy", *images)

    assert result.returncode == 1
    assert "No colour has a healthy task. Nothing was changed." in result.stderr
    assert (aws.fleet.weights(), aws.service("web-green")["taskDefinition"]) == before


def test_an_image_without_digest_is_refused(aws: AwsStandIn) -> None:
    result = release(aws, "deploy", "--web-image", "w:latest", "--worker-image", "g@sha256:1")

    assert result.returncode == 1
    assert "w:latest names no digest" in result.stderr
