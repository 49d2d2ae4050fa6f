"""Whether OpenAI takes a key: asked without its package, which web processes do not have."""

from __future__ import annotations

import json
from typing import Final

import httpx2

from gpu_tasks.providers.errors import ProviderRejectedKey, ProviderUnavailable
from gpu_tasks.providers.http import ask, open_client
from gpu_tasks.providers.interface import Access

_UNKNOWN_KEY: Final = "invalid_api_key"


def check_key(access: Access) -> None:
    """Do as `ImageProvider.check_key`, by asking for the list of models.

    A restricted key may not be allowed to see that, and make pictures all the same.
    """
    address = f"{access.base_url.rstrip('/')}/models"
    headers = {"Authorization": f"Bearer {access.key}"}
    with open_client(access.timeouts) as client:
        answer = ask(client, "GET", address, headers=headers)
    if answer.status_code == httpx2.codes.OK:
        return
    code = _code_in(answer)
    if code == _UNKNOWN_KEY:
        # Without the cause: OpenAI's words for a wrong key repeat the key.
        raise ProviderRejectedKey(_UNKNOWN_KEY)
    raise ProviderUnavailable(f"{answer.status_code} {code}"[:200])


def _code_in(answer: httpx2.Response) -> str:
    try:
        error = json.loads(answer.content)["error"]
        return str(error["code"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
