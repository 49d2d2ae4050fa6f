"""The `v2beta/stable-image` API of Stability AI; a call makes one picture."""

from __future__ import annotations

import json
from typing import Any, Final

import httpx2

from gpu_tasks.providers.errors import (
    ProviderBadAnswer,
    ProviderError,
    ProviderInvalid,
    ProviderLimited,
    ProviderOutOfQuota,
    ProviderRefused,
    ProviderRejectedKey,
    ProviderUnavailable,
    ProviderUnreached,
)
from gpu_tasks.providers.facts import STABILITY_RATIOS
from gpu_tasks.providers.http import ClosesItsClient, ask, open_client, retry_after
from gpu_tasks.providers.interface import Access, Made, PictureOrder
from gpu_tasks.providers.pictures import read_picture, to_png

_SD3: Final = "sd3"
_FILTERED: Final = "CONTENT_FILTERED"
# From 1 on: none means any to it, and the last of 32 bits is not one of its seeds.
_SEEDS: Final = 2**32 - 2


class StabilityImages(ClosesItsClient):
    """Make pictures by `generate/core`, `generate/ultra` and `generate/sd3`."""

    def __init__(self, access: Access) -> None:
        self._client = open_client(access.timeouts)
        self._base_url = access.base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {access.key}"}

    def make(self, order: PictureOrder) -> Made:
        """Do as `ImageProvider.make`."""
        is_sd3 = order.facts.model.startswith(_SD3)
        path = f"/v2beta/stable-image/generate/{_SD3 if is_sd3 else order.facts.model}"
        # Its API takes forms with files alone, also where no picture is sent.
        form: dict[str, Any] = {name: (None, text) for name, text in _fields(order).items()}
        if order.start is not None:
            form["image"] = ("picture.png", to_png(order.start), "image/png")
        answer = self._ask("POST", path, accept="image/*", files=form)
        if answer.headers.get("finish-reason", "").upper() == _FILTERED:
            raise ProviderRefused("finish-reason")
        request_id = answer.headers.get("x-request-id", "")[:100]
        # What starts from a picture has its size.
        least = (order.width, order.height) if order.start is None else None
        return Made(pictures=(read_picture(answer.content, least=least),), request_id=request_id)

    def check_key(self) -> None:
        """Do as `ImageProvider.check_key`, by asking for the balance."""
        self._ask("GET", "/v1/user/balance", accept="application/json")

    def _ask(self, method: str, path: str, *, accept: str, **sent: Any) -> httpx2.Response:
        headers = self._headers | {"Accept": accept}
        answer = ask(self._client, method, self._base_url + path, headers=headers, **sent)
        if answer.status_code != httpx2.codes.OK:
            raise _told_apart(answer)
        return answer


def _fields(order: PictureOrder) -> dict[str, str]:
    fields = {"prompt": order.prompt, "output_format": "png"}
    if order.facts.model.startswith(_SD3):
        fields["model"] = order.facts.model
        fields["mode"] = "text-to-image" if order.start is None else "image-to-image"
    if order.start is None:
        fields["aspect_ratio"] = STABILITY_RATIOS[order.width, order.height]
    else:
        # Theirs says how much may change, as ours does.
        fields["strength"] = f"{order.strength if order.strength is not None else 0.7:g}"
    if order.negative_prompt:
        fields["negative_prompt"] = order.negative_prompt
    if order.seed is not None:
        fields["seed"] = str(order.seed % _SEEDS + 1)
    return fields


def _told_apart(answer: httpx2.Response) -> ProviderError:
    status, name = answer.status_code, _name_in(answer)
    reason = f"{status} {name}"[:200]
    wait = retry_after(answer.headers.get("retry-after"))
    match status:
        case 403 if name == "content_moderation":
            return ProviderRefused(reason)
        case 401 | 403:
            return ProviderRejectedKey(reason)
        case 402:
            return ProviderOutOfQuota(reason)
        case 429:
            return ProviderLimited(reason, retry_after=wait)
        case 503:
            return ProviderUnreached(reason, retry_after=wait)
        case _ if 400 <= status < 500:
            return ProviderInvalid(reason)
        case _ if status < 400:
            return ProviderBadAnswer(reason)
        case _:
            return ProviderUnavailable(reason)


def _name_in(answer: httpx2.Response) -> str:
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        return ""
    return str(body.get("name", "")) if isinstance(body, dict) else ""
