"""Images with known holes are not deployed."""

import datetime as dt
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from config.release.images import refuse_vulnerable, split_image
from config.release.plan import ReleaseError

DIGEST = f"sha256:{'a' * 64}"
IMAGE = f"123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/easel-web@{DIGEST}"
ASKED = {"repositoryName": "easel-web", "imageId": {"imageDigest": DIGEST}}


class Clock:
    time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Registry:
    """A session whose client answers as ECR's description of its API says."""

    def __init__(self) -> None:
        self._client = boto3.client(
            "ecr", region_name="ap-northeast-2", aws_access_key_id="t", aws_secret_access_key="t"
        )
        self.stubber = Stubber(self._client)
        self.stubber.activate()

    def client(self, service_name: str) -> Any:
        assert service_name == "ecr"
        return self._client

    def answer(self, status: str, findings: list[dict[str, str]] | None = None) -> None:
        self.stubber.add_response(
            "describe_image_scan_findings",
            {
                "imageScanStatus": {"status": status},
                "imageScanFindings": {
                    "findings": findings or [],
                    "imageScanCompletedAt": dt.datetime.now(tz=dt.UTC),
                },
            },
            ASKED,
        )


def found(name: str, severity: str) -> dict[str, str]:
    return {"name": name, "severity": severity}


def test_an_image_without_holes_is_counted() -> None:
    registry = Registry()
    registry.answer("COMPLETE", [found("CVE-1", "LOW"), found("CVE-2", "LOW")])

    assert refuse_vulnerable(registry, IMAGE, clock=Clock()) == {"LOW": 2}


@pytest.mark.parametrize("severity", ["HIGH", "CRITICAL"])
def test_a_bad_hole_is_refused_unless_it_is_accepted_by_name(severity: str) -> None:
    registry = Registry()
    for _time in range(2):
        registry.answer("COMPLETE", [found("CVE-1", severity)])

    with pytest.raises(ReleaseError, match=rf"CVE-1 \({severity}\)"):
        refuse_vulnerable(registry, IMAGE, clock=Clock(), accepted=["CVE-2"])
    assert refuse_vulnerable(registry, IMAGE, clock=Clock(), accepted=["CVE-1"]) == {severity: 1}


def test_a_scan_that_runs_is_waited_for() -> None:
    registry = Registry()
    registry.stubber.add_client_error(
        "describe_image_scan_findings", "ScanNotFoundException", expected_params=ASKED
    )
    registry.answer("IN_PROGRESS")
    registry.answer("COMPLETE")

    assert refuse_vulnerable(registry, IMAGE, clock=Clock()) == {}
    registry.stubber.assert_no_pending_responses()


def test_without_a_scan_nothing_is_deployed() -> None:
    registry = Registry()
    registry.answer("FAILED")

    with pytest.raises(ReleaseError, match="has no scan: FAILED"):
        refuse_vulnerable(registry, IMAGE, clock=Clock())


@pytest.mark.parametrize("image", ["easel-web:latest", "r/easel-web@latest"])
def test_an_image_is_named_by_its_digest(image: str) -> None:
    with pytest.raises(ReleaseError, match="names no digest"):
        split_image(image)
