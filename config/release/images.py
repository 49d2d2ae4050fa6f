"""What ECR's scanner says about an image."""

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from config.release.fleet import Clock
from config.release.plan import POLL_SECONDS, ReleaseError
from config.release.session import Session

SCAN_SECONDS = 900.0
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_REFUSED = ("CRITICAL", "HIGH")
_RUNNING = {"IN_PROGRESS", "PENDING", "SCAN_ELIGIBILITY_EXPIRED"}


def split_image(image: str) -> tuple[str, str]:
    """Return repository and digest of `REGISTRY/REPOSITORY@sha256:…`.

    Raises:
        ReleaseError: it has no digest; a tag may mean another image tomorrow.
    """
    name, at, digest = image.partition("@")
    if not at or not digest.startswith("sha256:"):
        raise ReleaseError(f"{image} names no digest (REPOSITORY@sha256:…).")
    return name.partition("/")[2], digest


def refuse_vulnerable(
    session: Session, image: str, *, clock: Clock, accepted: Sequence[str] = ()
) -> dict[str, int]:
    """Wait for the scan of an image and return how much it found, by severity.

    Raises:
        ReleaseError: something is critical or high and not in `accepted`, or there is no scan.
    """
    repository, digest = split_image(image)
    client = session.client("ecr")
    findings = _findings(client, repository, _scanned(client, repository, digest), clock)
    bad = [
        f"{found['name']} ({found['severity']})"
        for found in findings
        if found["severity"] in _REFUSED and found["name"] not in accepted
    ]
    if bad:
        raise ReleaseError(f"{image}: {', '.join(sorted(bad))}")
    severities = [str(found["severity"]) for found in findings]
    return {severity: severities.count(severity) for severity in sorted(set(severities))}


def _scanned(client: Any, repository: str, digest: str) -> str:
    """Return the digest that is scanned: of the image, beside which an index has its SBOM."""
    answer = client.batch_get_image(
        repositoryName=repository,
        imageIds=[{"imageDigest": digest}],
        acceptedMediaTypes=list(_MANIFESTS),
    )
    if not answer["images"]:
        raise ReleaseError(f"{repository}@{digest} is not in the registry.")
    manifest = json.loads(answer["images"][0]["imageManifest"])
    if "manifests" not in manifest:
        return digest
    images = [
        str(one["digest"])
        for one in manifest["manifests"]
        if one.get("platform", {}).get("os") == "linux"
    ]
    if len(images) != 1:
        raise ReleaseError(f"{repository}@{digest} has {len(images)} images for Linux, not one.")
    return images[0]


def _findings(client: Any, repository: str, digest: str, clock: Clock) -> list[dict[str, Any]]:
    until = clock.now() + SCAN_SECONDS
    while True:
        status, findings = _look(client, repository, digest)
        if status in ("COMPLETE", "ACTIVE"):
            return findings
        if status not in _RUNNING or clock.now() > until:
            raise ReleaseError(f"{repository}@{digest} has no scan: {status}")
        clock.sleep(POLL_SECONDS)


def _look(client: Any, repository: str, digest: str) -> tuple[str, list[dict[str, Any]]]:
    pages = client.get_paginator("describe_image_scan_findings").paginate(
        repositoryName=repository, imageId={"imageDigest": digest}
    )
    status, findings = "PENDING", []
    try:
        for page in pages:
            status = page["imageScanStatus"]["status"]
            found = page.get("imageScanFindings", {})
            findings += [{**one, "name": one.get("name", "")} for one in found.get("findings", [])]
            findings += [
                {"name": one.get("title", ""), "severity": one["severity"]}
                for one in found.get("enhancedFindings", [])
            ]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ScanNotFoundException":
            raise
    return status, findings
