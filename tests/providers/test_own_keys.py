"""Users' own keys: kept encrypted, shown to nobody, had by workers for a job at hand alone."""

import io
import json
import re
import uuid
from typing import Any
from zipfile import ZipFile

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.catalog.models import GenerationModel
from apps.core.errors import NotFound
from apps.core.models import Act, AuditRecord
from apps.core.rate_limits import LIMITS, Endpoint
from apps.generation.models import Job
from apps.generation.services.leases import claim_next_job
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import GpuTier
from apps.privacy.services.background import run_next_request
from apps.privacy.services.requests import request_export
from apps.providers.models import ProviderKey
from apps.providers.sealing import NotOpenedError, seal, unseal
from apps.providers.services import key_of_running_job
from gpu_tasks.providers.facts import ProviderName
from tests.database import login_url, session_database_url
from tests.factories import make_job
from tests.providers.factories import OWN_KEY, make_provider_key
from tests.providers.stand_in import OPENAI_KEY, Answer, Call, StandIn

KEY_URL = "/api/v1/providers/openai/key"
ELSEWHERE = "another secret, as long and as random as any"


@pytest.mark.django_db
def test_a_key_is_kept_encrypted_and_only_its_end_is_shown(
    api: APIClient, pro: User, stand_in: StandIn
) -> None:
    stand_in.keys.add(OWN_KEY)
    answer = api.put(KEY_URL, {"key": f"  {OWN_KEY}\n"}, format="json")

    assert answer.status_code == 200
    body = answer.json()
    assert body["hint"] == "7777"
    assert body["checked_at"] is not None
    kept = ProviderKey.objects.get()
    assert OWN_KEY not in f"{kept.__dict__}"
    assert unseal(kept.sealed, user_id=pro.id, provider="openai") == OWN_KEY
    for url in (KEY_URL, "/api/v1/providers", "/settings/services/", "/account/activity/"):
        assert OWN_KEY[:-4] not in api.get(url).content.decode()
    # A check costs nothing.
    assert stand_in.calls == []


@pytest.mark.django_db
def test_a_key_takes_the_place_of_the_one_before(
    api: APIClient, pro: User, stand_in: StandIn
) -> None:
    make_provider_key(pro)
    answer = api.put(KEY_URL, {"key": OPENAI_KEY}, format="json")

    assert (answer.status_code, answer.json()["hint"]) == (200, OPENAI_KEY[-4:])
    kept = ProviderKey.objects.get()
    assert unseal(kept.sealed, user_id=pro.id, provider="openai") == OPENAI_KEY


@pytest.mark.django_db
def test_a_key_that_the_provider_does_not_accept_is_not_kept(
    api: APIClient, pro: User, stand_in: StandIn
) -> None:
    answer = api.put(KEY_URL, {"key": "sk-a-key-of-nobody-at-all"}, format="json")

    assert answer.status_code == 422
    assert answer.json()["fields"] == {"key": ["The provider does not accept this key."]}
    assert "nobody" not in answer.content.decode()
    assert not ProviderKey.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "key",
    ["short", "sk-" + "x" * 600, "sk-with a space in the middle", "sk-\x00-nothing-else-here"],
)
def test_what_is_no_key_is_refused_without_asking(
    api: APIClient, pro: User, stand_in: StandIn, key: str
) -> None:
    answer = api.put(KEY_URL, {"key": key}, format="json")

    assert answer.status_code == 422
    assert not ProviderKey.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["api", "page", "bearer"])
def test_no_transaction_is_open_while_the_provider_is_asked(
    api: APIClient, pro: User, stand_in: StandIn, way: str
) -> None:
    seen: list[int] = []

    def look(_call: Call, usual: Answer) -> Answer:
        with psycopg.connect(session_database_url()) as server:
            row = server.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state LIKE 'idle in transaction%'"
            ).fetchone()
        assert row is not None
        seen.append(row[0])
        return usual

    stand_in.on_check = look
    if way == "page":
        answer = api.post("/settings/services/openai/key/", {"key": OPENAI_KEY})
    elif way == "bearer":
        start_subscription(user=pro, plan=PLANS["enterprise"])
        _key, token = create_key(user=pro, granter=SESSION, name="k", scopes=[Scope.MANAGE])
        client = APIClient(headers={"Authorization": f"Bearer {token}"})
        answer = client.put(KEY_URL, {"key": OPENAI_KEY}, format="json")
    else:
        answer = api.put(KEY_URL, {"key": OPENAI_KEY}, format="json")

    assert (answer.status_code, seen) == (302 if way == "page" else 200, [0])
    kept = ProviderKey.objects.get()
    assert unseal(kept.sealed, user_id=pro.id, provider="openai") == OPENAI_KEY
    assert AuditRecord.objects.filter(act=Act.PROVIDER_KEY_SET, user_id=pro.id).count() == 1


@pytest.mark.django_db
def test_a_provider_is_not_asked_any_number_of_times(
    api: APIClient, pro: User, stand_in: StandIn
) -> None:
    most = LIMITS[Endpoint.KEY_CHECK].requests
    for _ in range(most):
        assert api.put(KEY_URL, {"key": OPENAI_KEY}, format="json").status_code == 200

    refused = api.put(KEY_URL, {"key": OPENAI_KEY}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.json()["retry_after"]) > 0
    page = api.post("/settings/services/openai/key/", {"key": OPENAI_KEY})
    assert page.status_code == 429


@pytest.mark.django_db
def test_a_provider_that_is_away_does_not_keep_a_key_from_being_saved(
    api: APIClient, pro: User, settings: Any
) -> None:
    settings.EASEL_PROVIDER_URLS = {"openai": "http://127.0.0.1:9/v1"}
    answer = api.put(KEY_URL, {"key": OWN_KEY}, format="json")

    assert (answer.status_code, answer.json()["checked_at"]) == (200, None)


@pytest.mark.django_db
def test_a_plan_without_other_services_keeps_no_key(
    api: APIClient, user: User, stand_in: StandIn
) -> None:
    answer = api.put(KEY_URL, {"key": OPENAI_KEY}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (403, "feature_not_in_plan")
    assert answer.json()["smallest_plan"] == "pro"
    assert not ProviderKey.objects.exists()


@pytest.mark.django_db
def test_without_a_secret_no_key_is_kept(
    api: APIClient, pro: User, stand_in: StandIn, settings: Any
) -> None:
    settings.EASEL_PROVIDER_KEYS_SECRETS = []
    answer = api.put(KEY_URL, {"key": OPENAI_KEY}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert not ProviderKey.objects.exists()


@pytest.mark.django_db
def test_a_key_is_deleted_and_both_acts_are_on_record(
    api: APIClient, pro: User, stand_in: StandIn
) -> None:
    api.put(KEY_URL, {"key": OPENAI_KEY}, format="json")

    assert api.delete(KEY_URL).status_code == 204
    assert api.delete(KEY_URL).status_code == 404
    assert not ProviderKey.objects.exists()
    acts = AuditRecord.objects.filter(user_id=pro.id).order_by("created_at")
    assert [(act.act, act.target) for act in acts if "provider" in act.act] == [
        (Act.PROVIDER_KEY_SET, "openai"),
        (Act.PROVIDER_KEY_DELETED, "openai"),
    ]


@pytest.mark.django_db
def test_a_stranger_has_no_part_in_a_key(
    api: APIClient, stranger_api: APIClient, user: User
) -> None:
    make_provider_key(user)

    assert stranger_api.get(KEY_URL).status_code == 404
    assert stranger_api.delete(KEY_URL).status_code == 404
    (first, *_others) = stranger_api.get("/api/v1/providers").json()["results"]
    assert first["own_key"] is None
    assert api.get(KEY_URL).json()["hint"] == "7777"
    assert ProviderKey.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_there_is_no_key_at_a_provider_that_is_not(api: APIClient, pro: User, method: str) -> None:
    answer = getattr(api, method)("/api/v1/providers/nobody/key", {"key": OWN_KEY}, format="json")

    assert answer.status_code == 404


@pytest.mark.django_db
def test_providers_are_listed_with_their_prices(
    api: APIClient, user: User, stand_in: StandIn
) -> None:
    openai, stability = api.get("/api/v1/providers").json()["results"]

    assert (openai["provider"], openai["name"], openai["is_house"]) == ("openai", "OpenAI", True)
    medium = next(model for model in openai["models"] if model["quality"] == "medium")
    assert medium["prices"] == [
        {"width": 1024, "height": 1024, "credits": 11},
        {"width": 1536, "height": 1024, "credits": 15},
        {"width": 1024, "height": 1536, "credits": 15},
    ]
    assert stability["takes_own_keys"] is True


@pytest.mark.django_db
def test_the_page_tells_the_price_by_the_key_that_is_used(
    browser_client: Client, pro: User, stand_in: StandIn
) -> None:
    house = browser_client.get("/settings/services/").content.decode()
    make_provider_key(pro)
    mixed = browser_client.get("/settings/services/").content.decode()
    own, other = mixed.split('id="stability"')

    assert "by your own key</th>" not in house
    assert "<td>11\u201315</td>" in house
    assert "Credits a picture by your own key</th>" in own
    assert set(re.findall(r"<td>(.*?)</td>", own)) == {"1"}
    assert "Credits a picture</th>" in other
    assert "<td>1</td>" not in other


@pytest.mark.django_db
def test_an_export_has_no_key(pro: User) -> None:
    kept = make_provider_key(pro)
    request = request_export(user=pro)
    assert run_next_request() == 1

    client = APIClient()
    client.force_login(pro)
    answer = client.get(f"/api/v1/account/data-requests/{request.id}/file")
    archive = ZipFile(io.BytesIO(answer.getvalue()))
    (row,) = json.loads(archive.read("providers/providerkey.json"))
    assert (row["provider"], row["hint"]) == ("openai", "7777")
    everything = b"".join(archive.read(name) for name in archive.namelist()).decode(errors="ignore")
    assert OWN_KEY not in everything
    assert kept.sealed not in everything


def test_a_key_opens_for_its_user_and_provider_alone() -> None:
    user_id = uuid.uuid4()
    sealed = seal(OWN_KEY, user_id=user_id, provider="openai")

    assert unseal(sealed, user_id=user_id, provider="openai") == OWN_KEY
    # The same key is never sealed the same way.
    assert seal(OWN_KEY, user_id=user_id, provider="openai") != sealed
    for owner, provider in ((uuid.uuid4(), "openai"), (user_id, "stability")):
        with pytest.raises(NotOpenedError):
            unseal(sealed, user_id=owner, provider=provider)
    for broken in (sealed[:-4] + "AAA=", "", "no base64 at all"):
        with pytest.raises(NotOpenedError):
            unseal(broken, user_id=user_id, provider="openai")


@pytest.mark.django_db
def test_a_former_secret_opens_until_it_is_taken_out(
    user: User, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    former = settings.EASEL_PROVIDER_KEYS_SECRETS
    kept = make_provider_key(user)
    settings.EASEL_PROVIDER_KEYS_SECRETS = [ELSEWHERE, *former]
    assert unseal(kept.sealed, user_id=user.id, provider="openai") == OWN_KEY

    call_command("reseal_provider_keys")
    assert "Sealed anew: 1" in capsys.readouterr().out
    settings.EASEL_PROVIDER_KEYS_SECRETS = [ELSEWHERE]
    kept.refresh_from_db()
    assert unseal(kept.sealed, user_id=user.id, provider="openai") == OWN_KEY
    call_command("reseal_provider_keys")
    assert "Sealed anew: 0" in capsys.readouterr().out

    settings.EASEL_PROVIDER_KEYS_SECRETS = ["yet another one, which sealed nothing of all this"]
    with pytest.raises(NotOpenedError):
        unseal(kept.sealed, user_id=user.id, provider="openai")
    with pytest.raises(CommandError, match="EASEL_PROVIDER_KEYS_SECRET_FALLBACKS"):
        call_command("reseal_provider_keys")


def worker_asks(query: str, *values: object, tenant: uuid.UUID | None = None) -> Any:
    """Run a query on a connection of its own, as the login of workers."""
    with psycopg.connect(login_url("worker", url=session_database_url())) as server:
        if tenant is not None:
            server.execute("SELECT set_config('app.current_user_id', %s, false)", [str(tenant)])
        return server.execute(query, values).fetchall()


@pytest.fixture
def own_job(pro: User, models: dict[str, GenerationModel], stand_in: StandIn) -> Job:
    make_provider_key(pro)
    return make_job(pro, models["gpt-image-1-5-low"], steps=None)


def claimed() -> Job:
    job = claim_next_job(tiers=[GpuTier.BASIC], worker="w")
    assert job is not None
    return job


@pytest.mark.django_db(transaction=True)
def test_a_worker_has_the_key_of_a_job_that_it_holds_and_of_no_other(
    own_job: Job, stranger: User
) -> None:
    ask = "SELECT easel_provider_key(%s, %s)"
    owner = own_job.user_id
    # It waits still.
    assert worker_asks(ask, own_job.id, 0, tenant=owner) == [(None,)]
    job = claimed()

    ((sealed,),) = worker_asks(ask, job.id, 1, tenant=owner)
    assert unseal(sealed, user_id=owner, provider="openai") == OWN_KEY
    assert worker_asks(ask, job.id, 2, tenant=owner) == [(None,)]
    assert worker_asks(ask, uuid.uuid4(), 1, tenant=owner) == [(None,)]
    assert worker_asks(ask, job.id, 1, tenant=stranger.id) == [(None,)]
    assert worker_asks(ask, job.id, 1) == [(None,)]
    # And when its lease has run out, none any more.
    Job.objects.filter(id=job.id).update(lease_expires_at="2020-01-01T00:00Z")
    assert worker_asks(ask, job.id, 1, tenant=owner) == [(None,)]


@pytest.mark.django_db(transaction=True)
def test_a_worker_reads_no_key_by_itself(own_job: Job) -> None:
    for query in (
        "SELECT sealed FROM providers_providerkey",
        "SELECT count(*) FROM providers_providerkey",
        "DELETE FROM providers_providerkey",
        "UPDATE providers_providerkey SET hint = 'x'",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker_asks(query, tenant=own_job.user_id)


@pytest.mark.django_db(transaction=True)
def test_a_job_by_the_house_has_no_key_of_its_user(
    pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    make_job(pro, models["gpt-image-1-5-low"], steps=None)
    make_provider_key(pro)
    job = claimed()

    with pytest.raises(NotFound):
        key_of_running_job(user_id=pro.id, job_id=job.id, attempt=1, provider=ProviderName.OPENAI)
