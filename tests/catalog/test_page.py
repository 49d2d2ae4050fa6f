"""The page of models."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.catalog.installs.requests import request_install
from apps.catalog.models import GenerationModel, InstallStatus, ModelInstall
from tests.catalog.factories import make_model

pytestmark = pytest.mark.django_db


def test_models_are_shown_by_their_kinds(
    browser_client: Client, user: User, stranger: User, starter: GenerationModel
) -> None:
    make_model(user, name="<Ink>", trigger_words=["ink & pen"], is_enabled=False)
    make_model(stranger, name="Secret")
    make_model(None, name="For FLUX", base="flux-1", access="flux_included")

    page = browser_client.get("/models/").content.decode()

    assert page.index("Main models</h2>") < page.index("Easel Starter") < page.index("LoRAs</h2>")
    assert "&lt;Ink&gt;" in page
    assert "ink &amp; pen" in page
    assert "not in your plan" in page
    assert "Secret" not in page
    found = browser_client.get("/models/", {"q": "ink"}).content.decode()
    assert "Easel Starter" not in found
    none = browser_client.get("/models/", {"q": "nothing"}).content.decode()
    assert "No model is like that" in none


def test_an_install_is_begun_and_given_up(browser_client: Client, user: User) -> None:
    refused = browser_client.post("/models/", {"source": "http://x"})
    assert refused.status_code == 422
    assert "begins with https://" in refused.content.decode()

    asked = {"source": "some/one", "name": "Ink", "commercial_use": "on"}
    assert browser_client.post("/models/", asked).status_code == 302

    install = ModelInstall.objects.get()
    assert (install.user, install.wanted) == (user, {"name": "Ink", "commercial_use": True})
    part = browser_client.get("/models/", headers={"HX-Request": "true"}).content.decode()
    assert "data-open" in part
    assert "<html" not in part
    browser_client.post(f"/models/installs/{install.id}/cancel/")
    install.refresh_from_db()
    assert install.status == InstallStatus.CANCELLED


def test_ones_own_is_switched_and_deleted(
    browser_client: Client, user: User, stranger: User, starter: GenerationModel
) -> None:
    model = make_model(user)
    other = make_model(stranger)
    act = f"/models/{model.key}/act/"

    browser_client.post(act, {"act": "disable"})
    assert GenerationModel.objects.get(key=model.key).is_enabled is False
    browser_client.post(act, {"act": "enable"})
    assert GenerationModel.objects.get(key=model.key).is_enabled is True
    assert browser_client.post(act, {"act": "else"}).status_code == 404
    for key in (other.key, starter.key):
        assert browser_client.post(f"/models/{key}/act/", {"act": "delete"}).status_code == 404
    browser_client.post(act, {"act": "delete"})

    assert set(GenerationModel.objects.values_list("key", flat=True)) == {
        other.key,
        starter.key,
        "starter-edges",
    }


def test_many_models_cost_as_many_queries_as_one(browser_client: Client, user: User) -> None:
    counts = []
    # What the header shows is kept from then on.
    browser_client.get("/models/")
    for _more in range(2):
        make_model(user)
        request_install(user=user, source="some/one", wanted={})
        with CaptureQueriesContext(connection) as queries:
            assert browser_client.get("/models/").status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]
