"""PostgreSQL takes no NUL: what is searched for with one is searched for without it, or refused."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

PAGES = (
    *("/workflows/?q=", "/models/?q=", "/usage/?q=", "/gallery/?q=", "/gallery/places/?q="),
    *("/workflows/?after=", "/canvas/?after=", "/gallery/trash/?after=", "/usage/?month="),
    *("/gallery/?board=", "/gallery/boards/?board=", "/create/?from=", "/workflows/new/?image="),
    *("/canvas/new/?image=", "/account/plan/?after="),
)
LISTS = (
    *("/api/v1/images?q=", "/api/v1/images?model=", "/api/v1/models?q=", "/api/v1/boards?q="),
    *("/api/v1/workflows?q=", "/api/v1/generations?state=", "/api/v1/images?cursor="),
    *("/api/v1/images?tag=", "/api/v1/images?lora=", "/api/v1/style-presets?q="),
)


@pytest.mark.parametrize("address", [*PAGES, *LISTS])
def test_a_zero_byte_fails_no_search(browser_client: Client, address: str) -> None:
    browser_client.raise_request_exception = False

    assert browser_client.get(f"{address}a%00b").status_code in {200, 400, 404, 422}
