"""Tokens in addresses are in no line of the log, whoever wrote it."""

import logging
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from config.log_secrets import without_tokens

TOKEN = "x" * 43


def written(formatter: str, record: logging.LogRecord) -> str:
    """Write a line as the handlers of the product do."""
    formatters: Any = settings.LOGGING["formatters"]
    options = dict(formatters[formatter])
    return str(options.pop("()")(**options).format(record))


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (f"Not Found: /shared/{TOKEN}/", "Not Found: /shared/…/"),
        (f"GET /shared/{TOKEN}/picture?cursor=1", "GET /shared/…/picture?cursor=1"),
        (
            f"Not Found: /accounts/password/reset/MQ/{TOKEN}/",
            "Not Found: /accounts/password/reset/MQ/…/",
        ),
        (f"/accounts/confirm/MQ/{TOKEN}", "/accounts/confirm/MQ/…"),
        ("GET /gallery/shared/", "GET /gallery/shared/"),
        ("GET /api/v1/images", "GET /api/v1/images"),
    ],
)
def test_a_token_is_left_out(said: str, written: str) -> None:
    assert without_tokens(said) == written


@pytest.mark.django_db
@pytest.mark.parametrize("formatter", ["console", "json"])
def test_what_django_says_of_an_address_is_written_without_its_token(
    formatter: str, caplog: pytest.LogCaptureFixture
) -> None:
    Client().get(f"/shared/{TOKEN}/")
    Client().post(f"/shared/{TOKEN}/")
    lines = [written(formatter, record) for record in caplog.records]

    assert [record.name for record in caplog.records if record.name == "django.request"]
    assert any("/shared/…/" in line for line in lines)
    assert not [line for line in lines if TOKEN in line]


def test_values_of_variables_are_in_no_line(caplog: pytest.LogCaptureFixture) -> None:
    secret = "s3cret"
    try:
        int(f"{secret}"[:2])
    except ValueError:
        logging.getLogger("apps.core").exception("it failed")
    line = written("json", caplog.records[-1])

    assert "ValueError" in line
    assert secret not in line


def test_nothing_writes_beside_the_handlers_that_leave_tokens_out() -> None:
    assert logging.getLogger("django").handlers == []
    assert logging.getLogger("django.request").propagate
