"""Health checks of a balancer, which asks each process by its address."""

import pytest
from django.test import Client

ADDRESS = "10.0.11.5:8080"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/v1/app/version"])
def test_a_balancer_may_ask_by_address(path: str) -> None:
    assert Client().get(path, HTTP_HOST=ADDRESS).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/accounts/sign-in/", "/api/v1/jobs", "/healthz/"])
def test_nothing_else_is_answered_under_a_foreign_name(path: str) -> None:
    assert Client().get(path, HTTP_HOST=ADDRESS).status_code == 400
