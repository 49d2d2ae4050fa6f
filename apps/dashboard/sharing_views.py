"""Sharing: what an owner gives out, and the boards of others."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.accounts.requests import signed_in_user
from apps.boards.answers import shared_file
from apps.boards.models import MemberRole
from apps.boards.selectors import get_board
from apps.boards.sharing_selectors import (
    get_link,
    get_share,
    get_shared_board,
    list_members,
    list_shared_boards,
)
from apps.boards.sharing_services import leave_board, move_shared_images
from apps.boards.showing import move_targets, show_board, show_picture
from apps.core.errors import NotFound
from apps.dashboard.views import page
from apps.plans.entitlements import Feature, may


@page
def share(request: HttpRequest, board_id: uuid.UUID) -> HttpResponse:
    """Render the inside of the dialog that shares a board."""
    user = signed_in_user(request)
    collaboration = may(user_id=user.id, feature=Feature.COLLABORATION)
    context = {
        "board": get_board(user=user, board_id=board_id),
        "link": get_link(user=user, board_id=board_id),
        "members": list_members(user=user, board_id=board_id),
        "roles": MemberRole.choices,
        "may_add": collaboration.allowed,
        "smallest_plan": (collaboration.smallest_plan or "").title(),
    }
    return render(request, "dashboard/partials/share_panel.html", context)


@page
def shared(request: HttpRequest) -> HttpResponse:
    """Show the boards that others share with the user."""
    boards = list_shared_boards(user=signed_in_user(request))
    return render(request, "dashboard/shared.html", {"section": "gallery", "boards": boards})


@page
def shared_board(request: HttpRequest, board_id: uuid.UUID) -> HttpResponse:
    """Show the pictures on a board of somebody else."""
    board = get_shared_board(board_id=board_id)
    root = reverse("dashboard:shared-board", args=[board_id])
    context = {
        "section": "gallery",
        "shown": show_board(board, address=root, cursor=request.GET.get("cursor", "")),
        "leave": reverse("dashboard:shared-act", args=[board_id]),
    }
    return render(request, "dashboard/shared_board.html", context)


@page
def shared_picture(
    request: HttpRequest, board_id: uuid.UUID, image_name: uuid.UUID
) -> HttpResponse:
    """Show a picture on a board of somebody else in large view; editors may move it."""
    user = signed_in_user(request)
    board = get_shared_board(board_id=board_id)
    root = reverse("dashboard:shared-board", args=[board_id])
    context = {
        "section": "gallery",
        "shown": show_picture(board, address=root, image_name=image_name),
    }
    if board.share.role is MemberRole.EDITOR:
        context["move"] = reverse("dashboard:shared-act", args=[board_id])
        context["targets"] = move_targets(user=user, share=board.share)
    return render(request, "dashboard/shared_board.html", context)


@page
def shared_variant(
    request: HttpRequest, board_id: uuid.UUID, image_name: uuid.UUID, variant: str
) -> HttpResponse:
    """Answer a file of a picture on a board of somebody else."""
    found = get_share(board_id=board_id)
    return shared_file(request, share=found, image_name=image_name, variant=variant)


@require_POST
@login_required
def act_on_shared(request: HttpRequest, board_id: uuid.UUID) -> HttpResponse:
    """Move a picture of a board of somebody else, or leave the board."""
    user = signed_in_user(request)
    try:
        match request.POST.get("act"):
            case "leave":
                leave_board(user=user, board_id=board_id)
                return redirect("dashboard:shared")
            case "move":
                names = [uuid.UUID(request.POST.get("image", ""))]
                target = request.POST.get("to") or None
                to = None if target is None else uuid.UUID(target)
                move_shared_images(user=user, board_id=board_id, names=names, to=to)
                return redirect("dashboard:shared-board", board_id)
    except (NotFound, ValueError) as error:
        raise Http404 from error
    raise Http404
