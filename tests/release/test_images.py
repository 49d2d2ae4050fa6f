"""Images with known holes are not deployed."""

import datetime as dt
import json
from typing import Any, Self

import boto3
import pytest
from botocore.stub import Stubber

from config.release.images import refuse_vulnerable, split_image
from config.release.plan import ReleaseError

DIGEST = f"sha256:{'a' * 64}"
IMAGE = f"123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/easel-web@{DIGEST}"
CHILD = f"sha256:{'b' * 64}"
INDEX = {
    "manifests": [
        {"digest": CHILD, "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": DIGEST, "platform": {"os": "unknown", "architecture": "unknown"}},
    ]
}
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

    def hold(self, manifest: dict[str, Any] | None) -> Self:
        images = [{"imageManifest": json.dumps(manifest)}] if manifest is not None else []
        self.stubber.add_response("batch_get_image", {"images": images})
        return self

    def answer(
        self, status: str, findings: list[dict[str, str]] | None = None, *, digest: str = DIGEST
    ) -> None:
        self.stubber.add_response(
            "describe_image_scan_findings",
            {
                "imageScanStatus": {"status": status},
                "imageScanFindings": {
                    "findings": findings or [],
                    "imageScanCompletedAt": dt.datetime.now(tz=dt.UTC),
                },
            },
            {**ASKED, "imageId": {"imageDigest": digest}},
        )


def found(name: str, severity: str) -> dict[str, str]:
    return {"name": name, "severity": severity}


def test_an_image_without_holes_is_counted() -> None:
    registry = Registry().hold({})
    registry.answer("COMPLETE", [found("CVE-1", "LOW"), found("CVE-2", "LOW")])

    assert refuse_vulnerable(registry, IMAGE, clock=Clock()) == {"LOW": 2}


@pytest.mark.parametrize("severity", ["HIGH", "CRITICAL"])
def test_a_bad_hole_is_refused_unless_it_is_accepted_by_name(severity: str) -> None:
    registry = Registry().hold({})
    registry.answer("COMPLETE", [found("CVE-1", severity)])
    registry.hold({}).answer("COMPLETE", [found("CVE-1", severity)])

    with pytest.raises(ReleaseError, match=rf"CVE-1 \({severity}\)"):
        refuse_vulnerable(registry, IMAGE, clock=Clock(), accepted=["CVE-2"])
    assert refuse_vulnerable(registry, IMAGE, clock=Clock(), accepted=["CVE-1"]) == {severity: 1}


def test_a_scan_that_runs_is_waited_for() -> None:
    registry = Registry().hold({})
    registry.stubber.add_client_error(
        "describe_image_scan_findings", "ScanNotFoundException", expected_params=ASKED
    )
    registry.answer("IN_PROGRESS")
    registry.answer("COMPLETE")

    assert refuse_vulnerable(registry, IMAGE, clock=Clock()) == {}
    registry.stubber.assert_no_pending_responses()


def test_of_an_image_with_attestations_the_image_itself_is_looked_at() -> None:
    registry = Registry().hold(INDEX)
    registry.answer("COMPLETE", [found("CVE-1", "HIGH")], digest=CHILD)

    with pytest.raises(ReleaseError, match="CVE-1"):
        refuse_vulnerable(registry, IMAGE, clock=Clock())


def test_an_image_that_is_not_there_is_refused() -> None:
    with pytest.raises(ReleaseError, match="is not in the registry"):
        refuse_vulnerable(Registry().hold(None), IMAGE, clock=Clock())


def test_without_a_scan_nothing_is_deployed() -> None:
    registry = Registry().hold({})
    registry.answer("FAILED")

    with pytest.raises(ReleaseError, match="has no scan: FAILED"):
        refuse_vulnerable(registry, IMAGE, clock=Clock())


@pytest.mark.parametrize("image", ["easel-web:latest", "r/easel-web@latest"])
def test_an_image_is_named_by_its_digest(image: str) -> None:
    with pytest.raises(ReleaseError, match="names no digest"):
        split_image(image)
