"""Where to tell of a weakness, as RFC 9116 has it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

ADDRESS = "/.well-known/security.txt"


@pytest.fixture
def contact(settings: Any) -> str:
    settings.EASEL_SECURITY_CONTACT = "mailto:security@easel.example"
    return str(settings.EASEL_SECURITY_CONTACT)


def fields_of(content: bytes) -> dict[str, str]:
    text = content.decode()
    assert text.endswith("\n")
    found = dict(line.split(": ", 1) for line in text.splitlines())
    assert len(found) == len(text.splitlines())
    return found


def test_it_names_who_to_write_to_until_when_and_in_which_languages(contact: str) -> None:
    answer = Client().get(ADDRESS)

    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    fields = fields_of(answer.content)
    assert fields.keys() == {"Contact", "Expires", "Preferred-Languages", "Canonical"}
    assert fields["Contact"] == contact
    assert fields["Preferred-Languages"] == "ko, en"
    assert fields["Canonical"] == f"https://easel.example{ADDRESS}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", fields["Expires"])
    left = datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC)
    assert timedelta(days=178) < left < timedelta(days=365)


def test_its_end_moves_on(contact: str, monkeypatch: pytest.MonkeyPatch) -> None:
    del contact
    ends = []
    for day in (1, 2):
        moment = datetime(2026, 3, day, 12, tzinfo=UTC)
        monkeypatch.setattr("apps.core.views.timezone.now", lambda moment=moment: moment)
        ends.append(fields_of(Client().get(ADDRESS).content)["Expires"])

    assert ends == ["2026-08-28T00:00:00Z", "2026-08-29T00:00:00Z"]


def test_it_is_read_and_not_written(contact: str) -> None:
    del contact
    assert Client().post(ADDRESS).status_code == 405
    assert Client().head(ADDRESS).status_code == 200


@pytest.mark.parametrize("nobody", [None, ""])
def test_without_a_contact_it_is_not_there(nobody: str | None, settings: Any) -> None:
    settings.EASEL_SECURITY_CONTACT = nobody

    assert Client().get(ADDRESS).status_code == 404
