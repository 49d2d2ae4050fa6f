"""The pages of styles and boards, and what was added beside them: shown, found, refused."""

import re
import uuid
from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.accounts.models import User
from apps.boards.models import MemberRole
from apps.boards.services import create_board, edit_board
from apps.boards.sharing_services import add_member, create_link
from apps.catalog.models import GenerationModel
from apps.dashboard.templatetags.humane import stored
from apps.generation.models import Job
from apps.generation.services.leases import claim_next_job
from apps.generation.services.results import finish_job
from apps.images.models import Image
from apps.images.services.pictures import store_picture
from apps.plans.tiers import GpuTier
from apps.workflows.models import StylePreset, Wildcard
from apps.workflows.services import create_preset, create_wildcard
from tests.catalog.factories import store_model
from tests.factories import encode, make_image, make_job, make_picture
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

SIGNED_IN_QUERIES = 4  # tenant, user; plan and balance, which are not in the cache yet


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# Styles


def test_styles_are_shown_with_the_places_of_the_prompt(browser_client: Client, user: User) -> None:
    create_preset(user=user, name="Paper", prompt="paper cut of {prompt}, soft", negative_prompt="")
    create_preset(user=user, name="Rain", prompt="rain", negative_prompt="{prompt}, sun, glare")
    create_preset(user=user, name="Bare")

    own = browser_client.get("/styles/").context["page"].own

    assert [
        (card.preset.name, [(part.text, part.is_prompt) for part in card.parts], card.without)
        for card in own
    ] == [
        ("Bare", [("{prompt}", True)], ""),
        ("Paper", [("paper cut of ", False), ("{prompt}", True), (", soft", False)], ""),
        ("Rain", [("{prompt}", True), (", rain", False)], "sun, glare"),
    ]


def test_a_style_leads_to_create_and_only_own_ones_are_edited(
    browser_client: Client, user: User
) -> None:
    own = create_preset(user=user, name="<b>Mine</b>")
    shared = StylePreset.objects.create(user=None, name="Watercolour", prompt="watercolour")

    html = browser_client.get("/styles/").content.decode()

    assert f'href="/create/?preset={own.id}"' in html
    assert f'href="/create/?preset={shared.id}"' in html
    assert (html.count('data-act="edit-style"'), html.count('data-act="copy-style"')) == (1, 1)
    assert "&lt;b&gt;Mine&lt;/b&gt;" in html
    assert "<b>Mine</b>" not in html


def test_a_card_of_a_wildcard_has_room_for_twelve_values(
    browser_client: Client, user: User
) -> None:
    create_wildcard(user=user, name="colour", values=[f"colour {n}" for n in range(14)])

    (card,) = browser_client.get("/styles/").context["page"].wildcards

    assert (list(card.shown), card.more) == ([f"colour {n}" for n in range(12)], 2)


def test_a_user_with_nothing_is_told_how_to_begin(browser_client: Client) -> None:
    html = browser_client.get("/styles/").content.decode()

    assert "You have none of your own yet." in html
    assert html.count('data-act="new-style"') == 2
    assert html.count('data-act="new-wildcard"') == 2


def test_the_page_speaks_korean(browser_client: Client) -> None:
    StylePreset.objects.create(user=None, name="Oil painting", prompt="oil painting")

    html = browser_client.get("/styles/", headers={"Accept-Language": "ko"}).content.decode()

    assert "모두의 스타일" in html
    assert "유화" in html
    assert "{빨간|금빛|파란} 여우" in html


def test_htmx_gets_the_cards_alone(browser_client: Client, user: User) -> None:
    create_preset(user=user, name="Mine")

    html = browser_client.get("/styles/", headers={"HX-Request": "true"}).content.decode()

    assert "Mine" in html
    assert "<html" not in html
    assert "trial-prompt" not in html


def test_styles_of_others_are_not_seen(user: User, stranger: User) -> None:
    create_preset(user=user, name="Mine alone")
    create_wildcard(user=user, name="secret", values=["hidden"])

    page = client_of(stranger).get("/styles/").context["page"]

    assert (page.own, page.wildcards) == ([], [])
    assert (StylePreset.objects.count(), Wildcard.objects.count()) == (1, 1)


@pytest.mark.parametrize("count", [1, 12])
def test_the_page_of_styles_takes_two_queries(
    browser_client: Client, user: User, count: int
) -> None:
    for number in range(count):
        create_preset(user=user, name=f"style {number}")
        create_wildcard(user=user, name=f"list{number}", values=["a"])

    with counted_queries() as queries:
        response = browser_client.get("/styles/")

    assert response.status_code == 200
    assert len(queries) == SIGNED_IN_QUERIES + 2


# Boards


def test_boards_are_cards_with_covers_counts_and_marks(
    browser_client: Client, enterprise_user: User
) -> None:
    user = enterprise_user
    empty = create_board(user=user, name="Empty")
    full = create_board(user=user, name="Full")
    image = make_image(user, prompt="a fox")
    Image.objects.filter(id=image.id).update(board_id=full.id)
    create_link(user=user, board_id=full.id)
    add_member(user=user, board_id=full.id, email="a@example.com", role=MemberRole.VIEWER)
    add_member(user=user, board_id=full.id, email="b@example.com", role=MemberRole.VIEWER)
    archived = create_board(user=user, name="Old")
    edit_board(user=user, board_id=archived.id, is_archived=True)

    page = browser_client.get("/boards/").context["page"]

    assert [
        (card.board.id, card.board.image_count, card.board.cover, card.has_link, card.member_count)
        for card in page.boards
    ] == [
        (full.id, 1, image.image_name, True, 2),
        (empty.id, 0, None, False, 0),
    ]
    assert [card.board.id for card in page.archived] == [archived.id]


def test_boards_of_others_are_not_among_ones_own(user: User, stranger: User) -> None:
    create_board(user=user, name="Mine")

    response = client_of(stranger).get("/boards/")

    page = response.context["page"]
    assert (page.boards, page.archived, page.shared) == ([], [], [])
    assert "No boards yet" in response.content.decode()


@pytest.mark.parametrize("count", [1, 12])
def test_the_page_of_boards_asks_as_often_however_many_there_are(
    browser_client: Client, user: User, count: int
) -> None:
    for number in range(count):
        board = create_board(user=user, name=f"board {number}")
        image = make_image(user, prompt="a fox")
        Image.objects.filter(id=image.id).update(board_id=board.id)

    with counted_queries() as queries:
        response = browser_client.get("/boards/")

    assert response.content.decode().count('class="board-card"') == count
    # Boards with their covers, links, members and memberships; of others no board is shared.
    assert len(queries) == SIGNED_IN_QUERIES + 4


@pytest.mark.parametrize("path", ["/boards/", "/styles/"])
def test_a_visitor_is_sent_to_sign_in(client: Client, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response["Location"]) == (
        302,
        f"/accounts/sign-in/?next={path}",
    )


# Receipts


def found(client: Client, **asked: str) -> list[uuid.UUID]:
    page = client.get("/usage/", asked).context["page"]
    return [receipt.job.id for receipt in page.receipts]


def test_receipts_are_found_by_words_picture_and_day(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    fox = make_job(user, starter, prompt="a Red fox in snow")
    sea = make_job(user, starter, prompt="a red sea")
    old = make_job(user, starter, prompt="a red moon")
    Job.objects.filter(id=old.id).update(created_at=datetime(2024, 2, 29, 12, tzinfo=UTC))
    image = make_image(user, prompt="a red moon")
    Image.objects.filter(id=image.id).update(session_id=old.id)

    assert found(browser_client, q="red") == [sea.id, fox.id]
    assert found(browser_client, q="sno RED") == [fox.id]
    assert found(browser_client, q="red", day="2024-02-29") == [old.id]
    assert found(browser_client, day="2024-03-01") == []
    assert found(browser_client, q=f"https://easel.example/gallery/{image.image_name}/") == [old.id]
    assert found(browser_client, q=str(fox.id)) == [fox.id]
    assert found(browser_client, q="nothing of the kind") == []
    html = browser_client.get("/usage/", {"q": "nothing of the kind"}).content.decode()
    assert "No receipt is like that" in html


def test_a_picture_leads_to_what_it_cost(
    browser_client: Client, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, prompt="a red fox", steps=100)
    assert claim_next_job(tiers=list(GpuTier), worker="w") is not None
    picture = store_picture(
        user_id=user.id, image_name=uuid.uuid4(), picture=make_picture(), metadata={}
    )
    assert finish_job(
        user_id=user.id, job_id=job.id, attempt=1, pictures=[picture], compute_seconds=1.5
    )
    uploaded = make_image(user)
    Image.objects.filter(id=uploaded.id).update(image_origin="external")

    made = browser_client.get(f"/gallery/{picture.image_name}/")
    other = browser_client.get(f"/gallery/{uploaded.image_name}/")

    html = made.content.decode()
    assert f'<a href="/usage/receipts/{job.id}/">2 credits for its job</a>' in html
    assert (made.context["picture"].cost, other.context["picture"].cost) == (2, None)


@pytest.mark.parametrize("day", ["yesterday", "2024-02-30", "2024"])
def test_a_day_that_is_none_is_a_page_that_is_not_there(browser_client: Client, day: str) -> None:
    assert browser_client.get("/usage/", {"day": day}).status_code == 404


def test_receipts_of_others_are_not_found(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, prompt="a red fox")
    image = make_image(user, prompt="a red fox")
    Image.objects.filter(id=image.id).update(session_id=job.id)
    theirs = client_of(stranger)

    for words in ("fox", str(job.id), str(image.image_name)):
        assert found(theirs, q=words) == []


# Storage, keys and models


@pytest.mark.parametrize(
    ("size", "written"),
    [
        (0, "0\N{NO-BREAK SPACE}B"),
        (999, "999\N{NO-BREAK SPACE}B"),
        (999_600, "1\N{NO-BREAK SPACE}MB"),
        (20 * 10**9, "20\N{NO-BREAK SPACE}GB"),
        (1_460_000_000, "1.5\N{NO-BREAK SPACE}GB"),
    ],
)
def test_storage_is_written_in_the_units_of_plans(size: int, written: str) -> None:
    assert stored(size) == written


def test_a_new_key_comes_with_a_request_to_try_it_with(browser_client: Client) -> None:
    asked = {"name": "Plug-in", "scopes": ["generate"], "lifetime": "90"}

    response = browser_client.post("/keys/", asked)

    html = response.content.decode()
    secret = response.context["secret"]
    assert "curl http://testserver/api/v1/generations" in html
    assert f"Authorization: Bearer {secret}" in html
    assert "curl" not in browser_client.get("/keys/").content.decode()


def test_the_plan_that_one_has_stands_above_those_that_are_sold(browser_client: Client) -> None:
    rows = browser_client.get("/account/plan/").context["plan"].rows

    assert [(row.plan.slug, row.is_current) for row in rows] == [
        ("trial", True),
        ("starter", False),
        ("pro", False),
        ("studio", False),
        ("enterprise", False),
    ]


def cover() -> SimpleUploadedFile:
    return SimpleUploadedFile("cover.png", encode(make_picture()).getvalue(), "image/png")


def test_a_model_gets_a_picture_and_loses_it(browser_client: Client, user: User) -> None:
    model = store_model({"a.safetensors": b"weights"}, user)
    act = f"/models/{model.key}/act/"

    response = browser_client.post(act, {"act": "cover", "cover": cover()})

    assert (response.status_code, response["Location"]) == (302, "/models/")
    model.refresh_from_db()
    assert model.cover_key.endswith(".webp")
    shown = browser_client.get(f"/api/v1/models/{model.key}/cover")
    assert (shown.status_code, shown["Content-Type"]) == (200, "image/webp")
    browser_client.post(act, {"act": "uncover"})
    model.refresh_from_db()
    assert model.cover_key == ""


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({}, "Choose a picture first."),
        (
            {"cover": SimpleUploadedFile("cover.png", b"no picture")},
            "This is not a complete PNG, JPEG, WebP or AVIF picture.",
        ),
    ],
)
def test_what_is_no_picture_is_refused_in_words(
    browser_client: Client, user: User, sent: dict[str, SimpleUploadedFile], told: str
) -> None:
    model = store_model({"a.safetensors": b"weights"}, user)

    response = browser_client.post(f"/models/{model.key}/act/", {"act": "cover", **sent})

    assert response.status_code == 422
    assert told in response.content.decode()
    model.refresh_from_db()
    assert model.cover_key == ""


def test_a_model_of_somebody_else_gets_no_picture(user: User, stranger: User) -> None:
    model = store_model({"a.safetensors": b"weights"}, user)

    for sent in ({"act": "cover", "cover": cover()}, {"act": "uncover"}):
        assert client_of(stranger).post(f"/models/{model.key}/act/", sent).status_code == 404

    model.refresh_from_db()
    assert model.cover_key == ""


# Modules


def test_a_page_names_every_module_that_it_will_ask_for(browser_client: Client) -> None:
    html = browser_client.get("/styles/").content.decode()

    named = re.findall(r'<link rel="modulepreload" href="/static/js/([\w.]+)">', html)
    assert len(named) == len(set(named))
    assert {"shell.js", "styles.js", "template_trial.js", "dom.js", "i18n.js"} <= set(named)
    # These are imported for their types alone.
    assert "types.js" not in named
