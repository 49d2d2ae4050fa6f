"""Pages are sent compressed to whoever takes it; what is compressed already is left alone."""

import gzip

import pytest
from django.test import Client

from apps.accounts.models import User
from tests.factories import make_image


def test_a_page_is_sent_compressed_to_who_takes_it(browser_client: Client) -> None:
    plain = browser_client.get("/create/")
    packed = browser_client.get("/create/", headers={"accept-encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.content).startswith(b"<!doctype html>")
    assert len(packed.content) < len(plain.content) / 2


@pytest.mark.parametrize("path", ["/api/v1/models", "/i18n/catalog.js"])
def test_words_of_scripts_are_compressed_and_answers_of_the_api_are_not(
    browser_client: Client, path: str
) -> None:
    answer = browser_client.get(path, headers={"accept-encoding": "gzip"})
    assert ("Content-Encoding" in answer.headers) == path.endswith(".js")


def test_a_picture_is_sent_as_it_is(browser_client: Client, user: User) -> None:
    image = make_image(user)
    answer = browser_client.get(
        f"/api/v1/images/{image.image_name}/full", headers={"accept-encoding": "gzip"}
    )
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
