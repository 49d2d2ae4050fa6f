"""A picture from end to end with an API key, as a program of a customer makes it."""

import time
import uuid
from typing import Any
from urllib.parse import urljoin

import requests

from config.release.plan import ReleaseError

TIMEOUT_SECONDS = 30.0
# A tier without a worker has to start an instance first.
JOB_SECONDS = 900.0
_PNG = b"\x89PNG\r\n\x1a\n"
_ENDED = {"succeeded", "failed", "cancelled"}


class Journey:
    """Quote, generate, wait, download, delete: each must do what it says."""

    def __init__(self, url: str, *, key: str, poll_seconds: float = 2.0) -> None:
        self.url = f"{url.rstrip('/')}/api/v1/"
        self.poll_seconds = poll_seconds
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"

    def run(self, *, seconds: float = JOB_SECONDS) -> dict[str, Any]:
        """Make one small picture and remove it again.

        Returns what it cost and how long it took in seconds.

        Raises:
            ReleaseError: something did not come out as it must.
        """
        body = {
            "prompt": "a red circle on a white background",
            "seed": 7,
            "num_images": 1,
        }
        started = time.monotonic()
        quote = self._ask("POST", "generations/quote", 200, json=body)
        accepted = self._ask(
            *("POST", "generations", 202),
            json=body,
            headers={"Idempotency-Key": f"release-{uuid.uuid4()}"},
        )
        job = self._wait(str(accepted["id"]), seconds)
        if job["state"] != "succeeded" or len(job["images"]) != 1:
            raise ReleaseError(f"The job ended as {job['state']}: {job.get('error')}")
        image = job["images"][0]
        size = self._download(str(image["full_url"]))
        self._ask("DELETE", f"images/{image['image_name']}", 204)
        self._ask("GET", f"images/{image['image_name']}", 404)
        return {
            "job": job["id"],
            "quoted": quote["credits"],
            "bytes": size,
            "seconds": round(time.monotonic() - started, 1),
        }

    def _wait(self, job_id: str, seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while True:
            job: dict[str, Any] = self._ask("GET", f"generations/{job_id}", 200)
            if job["state"] in _ENDED:
                return job
            if time.monotonic() > until:
                self._ask("POST", f"generations/{job_id}/cancel", 202)
                raise ReleaseError(f"Job {job_id} is still {job['state']} after {seconds:.0f} s.")
            time.sleep(self.poll_seconds)

    def _download(self, address: str) -> int:
        # Signed: it must open without the key, as in a browser.
        answer = requests.get(urljoin(self.url, address), timeout=TIMEOUT_SECONDS)
        if answer.status_code != 200 or not answer.content.startswith(_PNG):
            raise ReleaseError(f"The picture came as {answer.status_code}, and not as PNG.")
        return len(answer.content)

    def _ask(self, method: str, path: str, code: int, **options: Any) -> Any:
        answer = self._session.request(
            method, urljoin(self.url, path), timeout=TIMEOUT_SECONDS, **options
        )
        if answer.status_code != code:
            raise ReleaseError(f"{method} {path} gave {answer.status_code}: {answer.text[:300]}")
        return answer.json() if answer.content else None
