"""The API describes itself; `make lint` checks that docs/openapi.yaml is in step."""

from rest_framework.test import APIClient


def test_the_readable_page_loads_nothing_from_elsewhere(api: APIClient) -> None:
    page = api.get("/api/docs/").content.decode()

    assert "https://" not in page
    assert "/static/drf_spectacular_sidecar/" in page


def test_the_schema_is_served(api: APIClient) -> None:
    response = api.get("/api/schema/")

    assert response.status_code == 200
    assert b"/api/v1/generations" in response.content
