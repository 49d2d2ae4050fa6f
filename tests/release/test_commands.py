"""The release program as the pipelines start it, against moto's server."""

import json
import os
import subprocess
import sys
import time
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


def begin(aws: AwsStandIn, *words: str) -> subprocess.Popen[str]:
    """Run a command with nothing in its environment but what leads it to the server."""
    return subprocess.Popen(
        [
            *(sys.executable, "-W", "ignore", "-m", "config.release", *words),
            *("--environment", "staging", "--rule-arn", aws.environment.rule_arn),
            *("--alarms", ",".join(aws.environment.alarms)),
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **aws.process_environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def release(aws: AwsStandIn, *words: str) -> subprocess.CompletedProcess[str]:
    with begin(aws, *words) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(words, process.returncode, output, errors)


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


def test_an_alarm_left_out_has_to_be_one_that_stops_releases(aws: AwsStandIn) -> None:
    images = ("--web-image", "w@sha256:1", "--worker-image", "g@sha256:1")

    result = release(aws, "deploy", *images, "--despite", "easel-staging-api-latency, misspelt")

    assert result.returncode == 1
    assert "No alarm of this environment stops a release: ['misspelt']." in result.stderr


def test_a_restart_begins_with_what_runs_beside_the_web_process(aws: AwsStandIn) -> None:
    before = aws.service("scheduler")["deployments"]

    with begin(aws, "restart") as process:
        assert process.stderr is not None
        assert process.stderr.readline().endswith("Restarting scheduler.\n")
        until = time.monotonic() + 60
        while aws.service("scheduler")["deployments"] == before:
            assert time.monotonic() < until
            time.sleep(0.1)
        # moto starts no task, which the program would wait for.
        process.terminate()
        process.communicate()

    assert process.returncode == 130
    assert aws.fleet.weights() == {BLUE: 100, GREEN: 0}


def test_an_image_without_digest_is_refused(aws: AwsStandIn) -> None:
    result = release(aws, "deploy", "--web-image", "w:latest", "--worker-image", "g@sha256:1")

    assert result.returncode == 1
    assert "w:latest names no digest" in result.stderr
