"""Everybody × everything that can be done to a shared board and its pictures."""

import uuid
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.boards.models import Board, BoardLink, BoardMember
from apps.images.models import Image
from tests.boards.sharing import Scene, client_of, end_collaboration, make_scene

pytestmark = pytest.mark.django_db

SIGNED_IN = ("owner", "viewer", "editor", "removed", "stranger", "anonymous")
API = "/api/v1"
# What each of SIGNED_IN gets; the owner uses the addresses of owners.
SEEN = (404, 200, 200, 404, 404, 401)
OWNED = (200, 404, 404, 404, 404, 401)
MOVED = (404, 403, 200, 404, 404, 401)
PAGE = (404, 200, 200, 404, 404, 302)
# An act on many pictures answers of each picture whether it is there: nobody else's is.
ACTED = (200, 200, 200, 200, 200, 401)


@pytest.fixture
def scene(enterprise_user: User) -> Scene:
    return make_scene(enterprise_user)


def address(template: str, scene: Scene) -> str:
    return template.format(
        board=scene.board.id,
        second=scene.second.id,
        image=scene.image.image_name,
        member=scene.members["editor"].id,
    )


def state(scene: Scene) -> list[Any]:
    """Return all that could have been changed."""
    return [
        list(Image.objects.filter(user=scene.owner).order_by("id").values()),
        list(Board.objects.filter(user=scene.owner).order_by("id").values()),
        list(BoardMember.objects.filter(user=scene.owner).order_by("id").values()),
        list(BoardLink.objects.filter(user=scene.owner).order_by("id").values()),
    ]


READS = {
    f"{API}/boards/shared/{{board}}": SEEN,
    f"{API}/boards/shared/{{board}}/images": SEEN,
    f"{API}/boards/shared/{{board}}/images/{{image}}/full": SEEN,
    f"{API}/boards/shared/{{board}}/images/{{image}}/thumbnails/256": SEEN,
    "/gallery/shared/{board}/": PAGE,
    "/gallery/shared/{board}/{image}/": PAGE,
    "/gallery/shared/{board}/{image}/256": PAGE,
    "/gallery/shared/{board}/{image}/full": PAGE,
    # The addresses of owners are no other way in.
    f"{API}/boards/{{board}}": OWNED,
    f"{API}/boards/{{board}}/link": OWNED,
    f"{API}/boards/{{board}}/members": OWNED,
    f"{API}/images/{{image}}": OWNED,
    f"{API}/images/{{image}}/full": OWNED,
    f"{API}/images/{{image}}/thumbnails/256": OWNED,
    "/gallery/{image}/": (200, 404, 404, 404, 404, 302),
    "/gallery/boards/{board}/share/": (200, 404, 404, 404, 404, 302),
}


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(("column", "actor"), enumerate(SIGNED_IN))
def test_who_sees_what(scene: Scene, path: str, column: int, actor: str) -> None:
    response = client_of(actor, scene).get(address(path, scene))

    assert response.status_code == READS[path][column]


# (method, path, body): what each gets, and who changes something.
WRITES: dict[tuple[str, str, str], tuple[int, ...]] = {
    ("patch", f"{API}/images/{{image}}", '{{"starred": true}}'): OWNED,
    ("patch", f"{API}/images/{{image}}", '{{"rating": 5}}'): OWNED,
    ("patch", f"{API}/images/{{image}}", '{{"note": "mine"}}'): OWNED,
    ("patch", f"{API}/images/{{image}}", '{{"tags": ["mine"]}}'): OWNED,
    ("delete", f"{API}/images/{{image}}", ""): (204, 404, 404, 404, 404, 401),
    ("patch", f"{API}/boards/{{board}}", '{{"name": "mine"}}'): OWNED,
    ("patch", f"{API}/boards/{{board}}", '{{"shows_prompts": true}}'): OWNED,
    ("delete", f"{API}/boards/{{board}}", ""): (204, 404, 404, 404, 404, 401),
    ("post", f"{API}/boards/{{board}}/link", ""): (201, 404, 404, 404, 404, 401),
    ("delete", f"{API}/boards/{{board}}/link", ""): (204, 404, 404, 404, 404, 401),
    ("post", f"{API}/boards/{{board}}/members", '{{"email": "friend@example.com"}}'): (
        *(201, 404, 404, 404, 404, 401),
    ),
    ("patch", f"{API}/boards/{{second}}/members/{{member}}", '{{"role": "viewer"}}'): OWNED,
    ("delete", f"{API}/boards/{{second}}/members/{{member}}", ""): (204, 404, 404, 404, 404, 401),
    ("post", f"{API}/boards/{{second}}/images", '{{"images": ["{image}"]}}'): OWNED,
}
# They change something only for the owner, though everybody gets an answer.
ACTS = {
    ("post", f"{API}/images/acts", f'{{{{"act": "{act}", "images": ["{{image}}"]{more}}}}}'): ACTED
    for act, more in {
        "star": "",
        "rate": ', "rating": 3',
        "tag": ', "tags": ["mine"]',
        "trash": "",
    }.items()
} | {("post", f"{API}/boards/none/images", '{{"images": ["{image}"]}}'): ACTED}


def send(client: Client, method: str, path: str, body: str) -> Any:
    return client.generic(method.upper(), path, body, content_type="application/json")


@pytest.mark.parametrize(("method", "path", "body"), [*WRITES, *ACTS])
@pytest.mark.parametrize(("column", "actor"), enumerate(SIGNED_IN))
def test_only_the_owner_changes_anything(
    scene: Scene, method: str, path: str, body: str, column: int, actor: str
) -> None:
    before = state(scene)

    response = send(
        client_of(actor, scene), method, address(path, scene), address(body, scene) if body else ""
    )

    assert response.status_code == (WRITES | ACTS)[method, path, body][column]
    assert (state(scene) != before) == (actor == "owner")


@pytest.mark.parametrize("to", ["null", '"{second}"'])
@pytest.mark.parametrize(("column", "actor"), enumerate(SIGNED_IN))
def test_editors_alone_move_pictures_and_change_nothing_else(
    scene: Scene, to: str, column: int, actor: str
) -> None:
    before = state(scene)
    body = address('{{"images": ["{image}"], "to": ' + to + "}}", scene)

    path = f"{API}/boards/shared/{scene.board.id}/images"
    response = send(client_of(actor, scene), "post", path, body)

    assert response.status_code == MOVED[column]
    if actor != "editor":
        assert state(scene) == before
        return
    assert response.json()["results"] == [
        {"image_name": str(scene.image.image_name), "status": "done"}
    ]
    target = None if to == "null" else scene.second.id
    changed = {"board_id": target, "updated_at": None}
    old = next(row for row in before[0] if row["id"] == scene.image.id)
    new = Image.objects.filter(id=scene.image.id).values().get()
    assert new | {"updated_at": None} == old | changed
    counts = dict(Board.objects.values_list("name", "image_count"))
    assert counts == {"sea": 0, "hills": int(target is not None), "private": 1}


def test_an_editor_reaches_no_board_or_picture_beyond(scene: Scene) -> None:
    client = client_of("editor", scene)
    url = f"{API}/boards/shared/{scene.board.id}/images"
    before = state(scene)

    def move(image: Image, to: uuid.UUID | None) -> tuple[int, list[str]]:
        body = {"images": [str(image.image_name)], "to": to and str(to)}
        answer = client.post(url, body, content_type="application/json")
        results = answer.json().get("results", ())
        return answer.status_code, [result["status"] for result in results]

    assert move(scene.image, scene.private.id) == (404, [])
    assert move(scene.hidden, None) == (200, ["not_found"])
    scene.image.deleted_at = scene.image.created_at
    scene.image.save(update_fields=["deleted_at"])
    assert move(scene.image, None) == (200, ["not_found"])
    scene.image.deleted_at = None
    scene.image.save(update_fields=["deleted_at"])

    assert [row["board_id"] for row in state(scene)[0]] == [row["board_id"] for row in before[0]]


LINKS = {
    "/shared/{token}/": "grid",
    "/shared/{token}/{image}/": "picture",
    "/shared/{token}/{image}/256": "file",
    "/shared/{token}/{image}/512": "file",
    "/shared/{token}/{image}/full": "file",
}


@pytest.mark.parametrize("path", LINKS)
@pytest.mark.parametrize("visitor", ["anonymous", "stranger", "viewer", "owner"])
def test_a_link_is_open_to_everybody_until_it_is_withdrawn(
    scene: Scene, path: str, visitor: str
) -> None:
    client = client_of(visitor, scene)

    def status(token: str, image: Image = scene.image) -> int:
        return client.get(path.format(token=token, image=image.image_name)).status_code

    assert status(scene.token) == 200
    assert status(scene.withdrawn) == 404
    assert status("x" * 43) == 404
    assert status("x") == 404
    if "{image}" in path:
        assert status(scene.token, scene.hidden) == 404
    client_of("owner", scene).delete(f"{API}/boards/{scene.board.id}/link")
    assert status(scene.token) == 404


def test_a_link_of_a_blocked_account_opens_nothing(scene: Scene) -> None:
    User.objects.filter(id=scene.owner.id).update(is_active=False)

    assert Client().get(f"/shared/{scene.token}/").status_code == 404
    assert client_of("viewer", scene).get(f"/gallery/shared/{scene.board.id}/").status_code == 404


def test_unknown_and_withdrawn_links_are_answered_alike(scene: Scene) -> None:
    pages = [Client().get(f"/shared/{token}/") for token in (scene.withdrawn, "y" * 43, "z")]

    texts = {page.content.split(b"please quote")[0] for page in pages}
    assert {page.status_code for page in pages} == {404}
    assert len({text.split(b"</head>")[1] for text in texts}) == 1


def test_a_page_of_a_link_tells_nobody_its_address(scene: Scene) -> None:
    for path in LINKS:
        response = Client().get(path.format(token=scene.token, image=scene.image.image_name))
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["X-Robots-Tag"] == "noindex, nofollow"
        assert {"private", "public"} & set(response["Cache-Control"].split(", ")) == {"private"}
        assert {"no-store", "no-cache"} & set(response["Cache-Control"].split(", "))


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_members_see_nothing_while_the_owner_has_no_collaboration(scene: Scene, role: str) -> None:
    client = client_of(role, scene)
    end_collaboration(scene.owner)

    assert client.get(f"{API}/boards/shared").json() == {"boards": []}
    assert client.get(f"{API}/boards/shared/{scene.board.id}/images").status_code == 404
    full = f"{API}/boards/shared/{scene.board.id}/images/{scene.image.image_name}/full"
    assert client.get(full).status_code == 404
    # A link is on every plan.
    assert Client().get(f"/shared/{scene.token}/").status_code == 200

    scene.owner.refresh_from_db()
    owner = client_of("owner", scene)
    refused = owner.post(
        f"{API}/boards/{scene.board.id}/members",
        {"email": "more@example.com"},
        content_type="application/json",
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "feature_not_in_plan")
    assert refused.json()["smallest_plan"] == "enterprise"
    # The rows stay, and can be removed.
    assert len(owner.get(f"{API}/boards/{scene.board.id}/members").json()) == 2


def test_a_picture_in_the_trash_is_seen_by_nobody_else(scene: Scene) -> None:
    Image.objects.filter(id=scene.image.id).update(deleted_at=scene.image.created_at)
    name = scene.image.image_name

    client = client_of("viewer", scene)
    assert client.get(f"{API}/boards/shared/{scene.board.id}/images").json()["results"] == []
    full = f"{API}/boards/shared/{scene.board.id}/images/{name}/full"
    assert client.get(full).status_code == 404
    assert Client().get(f"/shared/{scene.token}/{name}/").status_code == 404
    assert Client().get(f"/shared/{scene.token}/{name}/full").status_code == 404


def test_another_board_of_the_owner_is_not_shared(scene: Scene) -> None:
    client = client_of("editor", scene)

    assert client.get(f"/gallery/shared/{scene.private.id}/").status_code == 404
    images = f"{API}/boards/shared/{scene.board.id}/images"
    assert client.get(f"{images}/{scene.hidden.image_name}/full").status_code == 404
