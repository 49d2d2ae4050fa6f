"""Canvases and the parts that requests about them are made of."""

import io
import uuid
from typing import Any

from PIL import Image as PillowImage
from rest_framework.test import APIClient

from tests.factories import encode

URL = "/api/v1/canvases"


def make_canvas(api: APIClient, *, width: int = 128, height: int = 96, **fields: Any) -> Any:
    """Make an empty canvas over the API, and return its JSON."""
    answer = api.post(URL, {"width": width, "height": height, **fields}, format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()


def pixels(width: int = 32, height: int = 16, colour: Any = (200, 30, 30, 128)) -> io.BytesIO:
    """Make the PNG of a layer."""
    return encode(PillowImage.new("RGBA", (width, height), colour))


def upload(api: APIClient, canvas: Any, file: Any = None) -> Any:
    return api.post(f"{canvas['url']}/layers", {"file": file or pixels()}, format="multipart")


def layer(**fields: Any) -> dict[str, Any]:
    """Make a layer as the editor writes it."""
    return {
        "id": uuid.uuid4().hex,
        "kind": "picture",
        "name": "Sky",
        "visible": True,
        "opacity": 0.5,
        "locked": False,
        "x": -8,
        "y": 4.5,
        "width": 32,
        "height": 16,
        "image": None,
        **fields,
    }


def document(*layers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Make a document as the editor writes it."""
    return {
        "version": 1,
        "width": 128,
        "height": 96,
        "layers": list(layers),
        "box": {"x": 0, "y": 0, "width": 64, "height": 64},
        **fields,
    }


def save(
    api: APIClient, canvas: Any, *layers: dict[str, Any], version: int = 1, **rest: Any
) -> Any:
    body = {"version": version, "document": document(*layers), **rest}
    return api.put(canvas["url"], body, format="json")
