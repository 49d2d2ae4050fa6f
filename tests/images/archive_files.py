"""Ask for archives and open them, as a program does."""

import io
import json
from typing import Any
from zipfile import ZipFile

from rest_framework.test import APIClient

from apps.images.models import Image

URL = "/api/v1/images/archives"


def ask(api: APIClient, *images: Image, **body: Any) -> Any:
    if images:
        body["images"] = [str(image.image_name) for image in images]
    return api.post(URL, body, format="json")


def fetch(api: APIClient, url: str) -> ZipFile:
    response = api.get(url)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/zip"
    archive = ZipFile(io.BytesIO(b"".join(response.streaming_content)))  # type: ignore[attr-defined]
    assert archive.testzip() is None
    return archive


def listed(archive: ZipFile) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(archive.read("pictures.json"))
    return entries


def names_in(archive: ZipFile) -> list[str]:
    """Return the names of the pictures that an archive holds, as their list has them."""
    entries = listed(archive)
    assert {entry["file"] for entry in entries} | {"pictures.json"} == set(archive.namelist())
    return [entry["image_name"] for entry in entries]
