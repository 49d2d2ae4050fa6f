"""What an account is shown besides its pictures: a board of somebody else, a training."""

import uuid

from apps.accounts.models import User
from apps.boards.models import MemberRole
from apps.boards.services import create_board, move_images
from apps.boards.sharing_services import add_member
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import announce_plan_change, start_subscription
from tests.factories import make_image, make_user
from tests.lora_training.factories import make_run, make_set


def share_with(user: User) -> tuple[uuid.UUID, uuid.UUID]:
    """Return a board that somebody else shares with `user`, and the name of its picture."""
    owner = make_user(f"of-others-{user.email}")
    start_subscription(user=owner, plan=PLANS["enterprise"])
    board = create_board(user=owner, name="Harbour")
    picture = make_image(owner, prompt="a lighthouse at dusk")
    move_images(user=owner, names=[picture.image_name], board_id=board.id)
    add_member(user=owner, board_id=board.id, email=user.email, role=MemberRole.EDITOR)
    return board.id, picture.image_name


def begin_training(user: User) -> tuple[uuid.UUID, uuid.UUID]:
    """Return a set and a training of it, begun on a plan that `user` has while it is asked for."""
    lent = start_subscription(user=user, plan=PLANS["enterprise"])
    found = make_set(user)
    run = make_run(user, found)
    lent.delete()
    announce_plan_change(user_id=user.id)
    return found.id, run.id
