"""The image API of OpenAI, by its own package."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

import openai

from gpu_tasks.providers.errors import (
    ProviderBadAnswer,
    ProviderError,
    ProviderInvalid,
    ProviderLimited,
    ProviderOutOfQuota,
    ProviderRefused,
    ProviderRejectedKey,
    ProviderTimeout,
    ProviderUnavailable,
    ProviderUnreached,
)
from gpu_tasks.providers.http import ClosesItsClient, open_client, retry_after
from gpu_tasks.providers.interface import Access, Made, PictureOrder
from gpu_tasks.providers.openai_keys import check_key
from gpu_tasks.providers.pictures import holes_of, read_picture, to_png, within

_REFUSALS: Final = frozenset(
    {"moderation_blocked", "content_policy_violation", "safety_violation", "image_content_policy"}
)
_EMPTY: Final = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
)
# Each file must be below 50 MB, which a PNG of this size never reaches.
_MOST_SIDE_LOOKED_AT: Final = 2048


class OpenAiImages(ClosesItsClient):
    """Make pictures by `images/generations`, and by `images/edits` where pictures are given."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._client = openai.OpenAI(
            api_key=access.key,
            base_url=access.base_url,
            # A second call could make, and cost, the pictures a second time.
            max_retries=0,
            http_client=open_client(access.timeouts),
            # Not from the environment, and below not at all: empty headers are refused.
            organization="",
            project="",
        )
        self._client.organization = None
        self._client.project = None

    def make(self, order: PictureOrder) -> Made:
        """Do as `ImageProvider.make`."""
        asked: dict[str, Any] = {
            "model": order.facts.model,
            "prompt": order.prompt,
            "n": order.count,
            "size": f"{order.width}x{order.height}",
            "quality": order.facts.quality,
            "output_format": "png",
            # Left to itself it makes pictures with holes, and ours have none.
            "background": "opaque",
        }
        images = self._client.images.with_raw_response
        given = _files(order)
        try:
            answer = images.edit(**asked, **given) if given else images.generate(**asked)
            body = answer.http_response.content
        except (openai.OpenAIError, ProviderError) as error:
            # Without the cause: OpenAI's words for a wrong key repeat the key.
            raise _told_apart(error) from None
        request_id = answer.headers.get("x-request-id", "")[:100]
        return Made(pictures=_pictures(body, order=order), request_id=request_id)

    def check_key(self) -> None:
        """Do as `ImageProvider.check_key`."""
        check_key(self._access)


def _files(order: PictureOrder) -> dict[str, Any]:
    start = () if order.start is None else (order.start,)
    pictures = (*start, *(within(each, _MOST_SIDE_LOOKED_AT) for each in order.references))
    if not pictures:
        return {}
    given: dict[str, Any] = {
        "image": [
            (f"picture-{number}.png", to_png(picture), "image/png")
            for number, picture in enumerate(pictures)
        ]
    }
    if order.mask is not None:
        given["mask"] = ("mask.png", to_png(holes_of(order.mask)), "image/png")
    return given


def _pictures(body: bytes, *, order: PictureOrder) -> tuple[Any, ...]:
    try:
        data = json.loads(body)["data"]
        encoded = [each["b64_json"] for each in data]
        decoded = [base64.b64decode(text, validate=True) for text in encoded]
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as error:
        raise ProviderBadAnswer(f"no list of pictures: {type(error).__name__}") from error
    if not 0 < len(decoded) <= order.count:
        raise ProviderBadAnswer(f"{len(decoded)} pictures instead of {order.count}")
    return tuple(read_picture(each, least=(order.width, order.height)) for each in decoded)


def _told_apart(error: openai.OpenAIError | ProviderError) -> ProviderError:
    cause = error.__cause__
    if isinstance(error, ProviderError):
        return error
    # The package wraps whatever its transport raises.
    if isinstance(cause, ProviderError):
        return cause
    if isinstance(error, openai.APITimeoutError):
        if type(cause).__name__ == "ConnectTimeout":
            return ProviderUnreached("no connection in time")
        return ProviderTimeout(type(cause).__name__)
    if isinstance(error, openai.APIStatusError):
        return _by_status(error)
    if isinstance(error, openai.APIConnectionError) and type(cause).__name__ == "ConnectError":
        return ProviderUnreached("no connection")
    return ProviderUnavailable(type(cause or error).__name__)


def _by_status(error: openai.APIStatusError) -> ProviderError:
    status, code = error.status_code, str(error.code or error.type or "")
    reason = f"{status} {code}"[:200]
    wait = retry_after(error.response.headers.get("retry-after"))
    if code in _REFUSALS:
        return ProviderRefused(reason)
    if code in _EMPTY:
        return ProviderOutOfQuota(reason)
    match status:
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
        case _:
            return ProviderUnavailable(reason)
