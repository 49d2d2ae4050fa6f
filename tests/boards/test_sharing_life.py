"""Links and members from their making to their end, and what is told of them on the way."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection
from django.test import Client
from PIL import Image as PillowImage
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.request_log import RequestLogMiddleware
from apps.accounts.services.users import close_account
from apps.boards.models import Board, BoardLink, BoardMember
from apps.boards.services import delete_board, edit_board, move_images
from apps.boards.sharing_services import move_shared_images
from apps.core.models import Act, AuditRecord
from apps.core.rate_limits import Endpoint, Limit
from apps.core.tenancy import service_scope, tenant_scope
from apps.images.files import without_words
from apps.images.models import Image
from apps.privacy.services.background import run_next_request
from apps.privacy.services.requests import request_deletion, request_export
from tests.boards.sharing import PROMPT, Scene, client_of, make_scene
from tests.boards.test_races import check_counts, own
from tests.factories import encode, make_image, make_picture, make_user
from tests.queries import counted_queries

pytestmark = pytest.mark.django_db

URL = "/api/v1/boards"


@pytest.fixture
def scene(enterprise_user: User) -> Scene:
    return make_scene(enterprise_user)


def invite(api: APIClient, scene: Scene, email: str, **more: str) -> Any:
    return api.post(f"{URL}/{scene.board.id}/members", {"email": email, **more}, format="json")


def test_a_link_is_told_once_and_a_new_one_ends_it(api: APIClient, scene: Scene) -> None:
    address = f"{URL}/{scene.board.id}/link"

    made = api.post(address).json()
    shown = api.get(address).json()

    assert made["url"].startswith("http://testserver/shared/")
    assert shown == {"created_at": made["created_at"]}
    token = made["url"].split("/")[-2]
    assert Client().get(f"/shared/{token}/").status_code == 200
    assert Client().get(f"/shared/{scene.token}/").status_code == 404
    assert token not in str(list(BoardLink.objects.values()))
    assert BoardLink.objects.filter(withdrawn_at=None).count() == 1
    assert api.delete(address).status_code == 204
    assert [api.get(address).status_code, api.delete(address).status_code] == [404, 404]


def test_an_invitation_looks_the_same_whether_there_is_an_account(
    api: APIClient, scene: Scene, stranger_of_scene: User
) -> None:
    known = invite(api, scene, stranger_of_scene.email.upper())
    unknown = invite(api, scene, "nobody@example.com", role="editor")

    assert (known.status_code, unknown.status_code) == (201, 201)
    assert known.json().keys() == unknown.json().keys() == {"id", "email", "role", "created_at"}
    assert (known.json()["email"], known.json()["role"]) == ("stranger@example.com", "viewer")
    listed = api.get(f"{URL}/{scene.board.id}/members").json()
    assert [(m["email"], m["role"]) for m in listed] == [
        ("viewer@example.com", "viewer"),
        ("editor@example.com", "editor"),
        ("stranger@example.com", "viewer"),
        ("nobody@example.com", "editor"),
    ]
    assert client_of("stranger", scene).get(f"{URL}/shared").json()["boards"][0]["name"] == "sea"


@pytest.fixture
def stranger_of_scene(scene: Scene) -> User:
    del scene
    return User.objects.get(email="stranger@example.com")


def test_who_signs_up_later_finds_the_board(api: APIClient, scene: Scene) -> None:
    invite(api, scene, "later@example.com")
    later = User.objects.create_user("later@example.com", None, email_verified=False)

    client = Client()
    client.force_login(later)
    before = client.get(f"{URL}/shared")
    User.objects.filter(id=later.id).update(email_verified=True)
    client.force_login(later)

    assert before.status_code == 401
    (found,) = client.get(f"{URL}/shared").json()["boards"]
    assert (found["name"], found["role"], found["owner"]) == ("sea", "viewer", "O…")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"email": "owner@example.com"}, 422),
        ({"email": "no address"}, 422),
        ({"email": "x@example.com", "role": "owner"}, 422),
        ({}, 422),
        ({"email": "VIEWER@example.com"}, 409),
    ],
)
def test_what_is_no_new_member_is_refused(
    api: APIClient, scene: Scene, body: dict[str, str], status: int
) -> None:
    before = list(BoardMember.objects.order_by("id").values())

    answer = api.post(f"{URL}/{scene.board.id}/members", body, format="json")

    assert answer.status_code == status
    assert list(BoardMember.objects.order_by("id").values()) == before


def test_there_are_no_members_without_end(
    api: APIClient, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.boards.sharing_services.MAX_MEMBERS", 3)

    answers = [invite(api, scene, f"{number}@example.com") for number in range(2)]

    assert [answer.status_code for answer in answers] == [201, 409]
    assert answers[1].json()["limit"] == 3


def test_a_role_counts_at_once(api: APIClient, scene: Scene) -> None:
    member = BoardMember.objects.get(board=scene.board, email="editor@example.com")
    address = f"{URL}/{scene.board.id}/members/{member.id}"
    images = f"{URL}/shared/{scene.board.id}/images"
    editor = client_of("editor", scene)
    move = {"images": [str(scene.image.image_name)], "to": None}

    assert api.patch(address, {"role": "viewer"}, format="json").json()["role"] == "viewer"
    assert editor.post(images, move, content_type="application/json").status_code == 403
    assert api.delete(address).status_code == 204
    assert editor.get(images).status_code == 404
    assert Image.objects.get(id=scene.image.id).board_id == scene.board.id


def test_a_member_leaves(api: APIClient, scene: Scene) -> None:
    viewer = client_of("viewer", scene)

    statuses = [viewer.delete(f"{URL}/shared/{scene.board.id}").status_code for _time in range(2)]

    assert statuses == [204, 404]
    assert [board["name"] for board in viewer.get(f"{URL}/shared").json()["boards"]] == ["hills"]
    emails = [m["email"] for m in api.get(f"{URL}/{scene.board.id}/members").json()]
    assert emails == ["editor@example.com"]


def test_every_act_is_on_the_record_of_the_owner(api: APIClient, scene: Scene) -> None:
    member = api.get(f"{URL}/{scene.board.id}/members").json()[0]["id"]
    api.patch(f"{URL}/{scene.board.id}/members/{member}", {"role": "editor"}, format="json")
    editor = User.objects.get(email="editor@example.com")
    with tenant_scope(editor.id):
        names = [scene.image.image_name]
        move_shared_images(user=editor, board_id=scene.board.id, names=names, to=scene.second.id)
    client_of("editor", scene).delete(f"{URL}/shared/{scene.board.id}")

    acts = AuditRecord.objects.filter(user_id=scene.owner.id, act__startswith="board_")
    by_act = {record.act: record for record in acts}
    assert by_act.keys() == {act.value for act in Act if act.value.startswith("board_")}
    for act in (Act.BOARD_EDITED, Act.BOARD_MEMBER_LEFT):
        assert (by_act[act].actor_id, by_act[act].target) == (editor.id, str(scene.board.id))
    others = {act: by_act[act].actor_id for act in by_act if by_act[act].actor_id != editor.id}
    assert set(others.values()) == {scene.owner.id}


def test_pictures_are_seen_without_how_they_were_made(scene: Scene) -> None:
    viewer = client_of("viewer", scene)
    images = f"{URL}/shared/{scene.board.id}/images"
    paths = (
        f"{images}/{scene.image.image_name}/full",
        f"/shared/{scene.token}/{scene.image.image_name}/full",
        f"/shared/{scene.token}/",
        f"/shared/{scene.token}/{scene.image.image_name}/",
    )
    (hidden,) = viewer.get(images).json()["results"]
    for path in (images, *paths):
        assert PROMPT.encode() not in viewer.get(path).content
    with PillowImage.open(io.BytesIO(viewer.get(paths[0]).content)) as picture:
        assert (picture.size, picture.info) == ((64, 48), {})
        assert picture.tobytes() == make_picture().tobytes()

    edit_board(user=scene.owner, board_id=scene.board.id, shows_prompts=True)

    (shown,) = viewer.get(images).json()["results"]
    assert (hidden["prompt"], shown["prompt"]) == (None, PROMPT)
    assert hidden | {"prompt": PROMPT} == shown
    assert hidden.keys() == {
        *("image_name", "full_url", "thumbnail_url", "thumbnail_urls", "width", "height"),
        *("placeholder", "prompt", "created_at"),
    }
    for path in paths:
        assert PROMPT.encode() in viewer.get(path).content


def test_a_picture_keeps_how_it_looks() -> None:
    palette = encode(make_picture().quantize(8), dpi=(72, 72), transparency=3).getvalue()

    bare = without_words(palette)

    with PillowImage.open(io.BytesIO(palette)) as old, PillowImage.open(io.BytesIO(bare)) as new:
        assert new.convert("RGBA").tobytes() == old.convert("RGBA").tobytes()
        assert new.info == old.info


def test_a_kept_file_is_asked_for_anew_and_gone_with_the_link(scene: Scene) -> None:
    client = Client()
    path = f"/shared/{scene.token}/{scene.image.image_name}/256"
    first = client.get(path)

    second = client.get(path, HTTP_IF_NONE_MATCH=first["ETag"])
    client_of("owner", scene).delete(f"{URL}/{scene.board.id}/link")
    third = client.get(path, HTTP_IF_NONE_MATCH=first["ETag"])

    assert first["Cache-Control"] == second["Cache-Control"] == "private, no-cache"
    assert [first.status_code, second.status_code, third.status_code] == [200, 304, 404]
    assert second.content == b""


@pytest.mark.parametrize("count", [1, 30])
def test_lists_take_two_queries_whatever_is_on_them(scene: Scene, count: int) -> None:
    images = [make_image(scene.owner) for _number in range(count)]
    names = [image.image_name for image in images]
    move_images(user=scene.owner, names=names, board_id=scene.board.id)
    viewer = client_of("viewer", scene)
    viewer.get(f"{URL}/shared")

    with counted_queries() as boards:
        assert len(viewer.get(f"{URL}/shared").json()["boards"]) == 2
    with counted_queries() as pictures:
        found = viewer.get(f"{URL}/shared/{scene.board.id}/images").json()["results"]

    assert len(found) == count + 1
    # Beside the tenant and the user.
    assert (len(boards) - 2, len(pictures) - 2) == (2, 2)


def test_pages_of_a_shared_list_hold_each_picture_once(scene: Scene) -> None:
    names = [make_image(scene.owner).image_name for _number in range(5)]
    move_images(user=scene.owner, names=names, board_id=scene.board.id)
    viewer = client_of("viewer", scene)

    address, seen = f"{URL}/shared/{scene.board.id}/images?limit=2", []
    while address:
        page = viewer.get(address).json()
        seen += [entry["image_name"] for entry in page["results"]]
        address = page["next"]

    assert seen == [*(str(name) for name in reversed(names)), str(scene.image.image_name)]
    assert viewer.get(f"{URL}/shared/{scene.board.id}/images?cursor=x").status_code == 422
    assert Client().get(f"/shared/{scene.token}/?cursor=x").status_code == 404


def test_links_are_not_guessed_at_any_speed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    few = Limit(2, 60)
    monkeypatch.setattr("apps.core.rate_limits.LIMITS", {Endpoint.ANONYMOUS: few})
    client = Client()

    answers = [client.get(f"/shared/{token}/") for token in ("x" * 43, "y" * 43, scene.token)]

    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert int(answers[2]["Retry-After"]) > 0


def test_no_log_holds_a_token(scene: Scene) -> None:
    request = Client().get(f"/shared/{scene.token}/?cursor=1").wsgi_request

    assert RequestLogMiddleware.format_request(request) == "GET /shared/…/"


def test_a_board_goes_with_its_links_and_members(scene: Scene) -> None:
    with tenant_scope(scene.owner.id):
        delete_board(user=scene.owner, board_id=scene.board.id, with_pictures=False)

    assert Client().get(f"/shared/{scene.token}/").status_code == 404
    assert BoardLink.objects.count() == 0
    assert set(BoardMember.objects.values_list("board_id", flat=True)) == {scene.second.id}


def test_an_export_has_ones_own_shares_alone(scene: Scene) -> None:
    viewer = User.objects.get(email="viewer@example.com")
    files = {}
    for person in (scene.owner, viewer):
        request = request_export(user=person)
        run_next_request()
        client = Client()
        client.force_login(person)
        answer = client.get(f"/api/v1/account/data-requests/{request.id}/file")
        with ZipFile(io.BytesIO(answer.getvalue())) as archive:
            for name in ("boardlink", "boardmember", "board"):
                files[person.email, name] = json.loads(archive.read(f"boards/{name}.json"))
            files[person.email, "image"] = json.loads(archive.read("images/image.json"))

    assert len(files["owner@example.com", "boardlink"]) == 2
    assert all("digest" not in row for row in files["owner@example.com", "boardlink"])
    assert len(files["owner@example.com", "boardmember"]) == 4
    for name in ("boardlink", "boardmember", "board", "image"):
        assert files["viewer@example.com", name] == []


def test_with_its_owner_a_shared_board_is_gone(scene: Scene) -> None:
    request_deletion(user=scene.owner, email=scene.owner.email)
    run_next_request()

    assert not BoardLink.objects.exists()
    assert not BoardMember.objects.exists()
    assert not Board.objects.exists()
    assert Client().get(f"/shared/{scene.token}/").status_code == 404


def test_a_deleted_member_sees_nothing_and_takes_nothing_along(scene: Scene) -> None:
    editor = User.objects.get(email="editor@example.com")
    request_deletion(user=editor, email=editor.email)
    run_next_request()

    assert Image.objects.filter(user=scene.owner).count() == 2
    assert Board.objects.filter(user=scene.owner).count() == 3


@pytest.mark.django_db(transaction=True)
def test_counts_are_exact_whatever_owner_and_editor_do_at_once(enterprise_user: User) -> None:
    scene = make_scene(enterprise_user)
    editor = User.objects.get(email="editor@example.com")
    names = [make_image(scene.owner).image_name for _number in range(8)]
    boards = (scene.board.id, scene.second.id)

    def edit(number: int) -> None:
        try:
            with tenant_scope(editor.id):
                move_shared_images(
                    user=editor,
                    board_id=boards[number % 2],
                    names=names,
                    to=None if number % 3 == 0 else boards[1 - number % 2],
                )
        finally:
            connection.close()

    def put(number: int) -> None:
        with own(scene.owner):
            move_images(user=scene.owner, names=names, board_id=boards[number % 2])

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(act, number) for number in range(10) for act in (edit, put)]
        for future in done:
            future.result()

    check_counts(scene.owner)


def test_an_owners_kept_list_ends_when_an_editor_moves_a_picture(
    api: APIClient, scene: Scene, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.EASEL_LIST_CACHE_SECONDS = 60
    address = f"/api/v1/images?board={scene.board.id}"
    assert len(api.get(address).json()["results"]) == 1
    editor = User.objects.get(email="editor@example.com")

    with django_capture_on_commit_callbacks(execute=True), tenant_scope(editor.id):
        names = [scene.image.image_name]
        move_shared_images(user=editor, board_id=scene.board.id, names=names, to=None)

    assert api.get(address).json()["results"] == []


def test_the_address_of_a_deleted_account_admits_nobody_who_takes_it(scene: Scene) -> None:
    """Also not whoever signs up with it afterwards."""
    with service_scope("test"):
        close_account(user_id=User.objects.get(email="editor@example.com").id)
    again = make_user("editor@example.com")
    client = APIClient()
    client.force_login(again)

    assert client.get(f"{URL}/shared").json()["boards"] == []
    assert not BoardMember.objects.filter(email="editor@example.com").exists()
    assert BoardMember.objects.filter(email="viewer@example.com").exists()
