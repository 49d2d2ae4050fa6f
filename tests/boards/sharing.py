"""A board with a picture on it, and everybody whom it is shared with, or was."""

from dataclasses import dataclass

from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.boards.models import Board, BoardMember, MemberRole
from apps.boards.services import create_board, move_images
from apps.boards.sharing_services import add_member, create_link, remove_member, withdraw_link
from apps.images.models import Image
from apps.plans.models import Subscription
from tests.factories import make_image, make_user

PROMPT = "a secret recipe"


@dataclass(frozen=True)
class Scene:
    """Two boards are shared with a viewer and an editor; `private` is with nobody."""

    owner: User
    board: Board
    second: Board
    private: Board
    image: Image
    hidden: Image
    members: dict[str, BoardMember]
    token: str
    withdrawn: str


def make_scene(owner: User) -> Scene:
    """Share as an owner on a plan with collaboration does."""
    boards = [create_board(user=owner, name=name) for name in ("sea", "hills", "private")]
    image, hidden = make_image(owner, prompt=PROMPT), make_image(owner, prompt=PROMPT)
    move_images(user=owner, names=[image.image_name], board_id=boards[0].id)
    move_images(user=owner, names=[hidden.image_name], board_id=boards[2].id)
    members = {}
    for role in MemberRole:
        make_user(f"{role}@example.com")
        for board in boards[:2]:
            members[role.value] = add_member(
                user=owner, board_id=board.id, email=f"{role}@example.com", role=role
            )
    make_user("removed@example.com")
    removed = add_member(
        user=owner, board_id=boards[0].id, email="removed@example.com", role=MemberRole.EDITOR
    )
    remove_member(user=owner, board_id=boards[0].id, member_id=removed.id)
    make_user("stranger@example.com")
    _link, withdrawn = create_link(user=owner, board_id=boards[0].id)
    withdraw_link(user=owner, board_id=boards[0].id)
    _link, token = create_link(user=owner, board_id=boards[0].id)
    image.refresh_from_db()
    board, second, private = boards
    return Scene(owner, board, second, private, image, hidden, members, token, withdrawn)


def end_collaboration(owner: User) -> None:
    """Let the plan of `owner` end."""
    Subscription.objects.filter(user=owner, plan="enterprise").update(valid_until=timezone.now())


def client_of(actor: str, scene: Scene) -> Client:
    """Return the browser of an actor; whoever has a link is not signed in."""
    client = Client()
    if actor == "owner":
        client.force_login(scene.owner)
    elif actor not in {"anonymous", "link", "withdrawn"}:
        client.force_login(User.objects.get(email=f"{actor}@example.com"))
    return client
