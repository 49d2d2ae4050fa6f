import uuid

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
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
    shared_page,
)
from apps.boards.sharing_serializers import (
    BoardLinkSerializer,
    BoardMemberSerializer,
    MemberChangesSerializer,
    NewBoardLinkSerializer,
    NewMemberSerializer,
    SharedBoardListSerializer,
    SharedBoardSerializer,
    SharedImageListQuerySerializer,
    SharedImagePageSerializer,
    SharedImageSerializer,
    SharedMoveSerializer,
)
from apps.boards.sharing_services import (
    add_member,
    change_member,
    create_link,
    leave_board,
    move_shared_images,
    remove_member,
    withdraw_link,
)
from apps.core.errors import NotFound
from apps.core.rate_limits import Endpoint
from apps.images.answers import page_address
from apps.images.api.formats import AnyFormat
from apps.images.pages import Cursor
from apps.images.requests import ActResultsSerializer, act_results
from apps.images.search import Order
from apps.images.selectors import FULL


class BoardLinkView(APIView):
    """The link under which anybody sees a board."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.MANAGE, DELETE=Scope.MANAGE)

    @extend_schema(responses=BoardLinkSerializer, operation_id="boards_link_retrieve")
    def get(self, request: Request, board_id: uuid.UUID) -> Response:
        """Say since when there is a link; 404 if there is none. Its address is not kept."""
        link = get_link(user=signed_in_user(request), board_id=board_id)
        if link is None:
            raise NotFound
        return Response(BoardLinkSerializer(link).data)

    @extend_schema(
        request=None, responses={201: NewBoardLinkSerializer}, operation_id="boards_link_create"
    )
    def post(self, request: Request, board_id: uuid.UUID) -> Response:
        """Make a link, and withdraw the one there was."""
        link, token = create_link(user=signed_in_user(request), board_id=board_id)
        url = request.build_absolute_uri(reverse("shared-link", args=[token]))
        data = {"created_at": link.created_at, "url": url}
        return Response(NewBoardLinkSerializer(data).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None}, operation_id="boards_link_withdraw")
    def delete(self, request: Request, board_id: uuid.UUID) -> Response:
        """Withdraw the link: its address opens nothing from now on."""
        withdraw_link(user=signed_in_user(request), board_id=board_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class BoardMemberListView(APIView):
    """With whom a board is shared; or share it with somebody more."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.MANAGE)

    @extend_schema(responses=BoardMemberSerializer(many=True), operation_id="boards_members_list")
    def get(self, request: Request, board_id: uuid.UUID) -> Response:
        user = signed_in_user(request)
        get_board(user=user, board_id=board_id)
        members = list_members(user=user, board_id=board_id)
        return Response(BoardMemberSerializer(members, many=True).data)

    @extend_schema(
        request=NewMemberSerializer,
        responses={201: BoardMemberSerializer},
        operation_id="boards_members_add",
    )
    def post(self, request: Request, board_id: uuid.UUID) -> Response:
        """Share the board with whoever has this address, or will have it."""
        form = NewMemberSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        member = add_member(
            user=signed_in_user(request),
            board_id=board_id,
            email=form.validated_data["email"],
            role=MemberRole(form.validated_data["role"]),
        )
        return Response(BoardMemberSerializer(member).data, status=status.HTTP_201_CREATED)


class BoardMemberView(APIView):
    """One with whom a board is shared."""

    required_scopes = by_method(PATCH=Scope.MANAGE, DELETE=Scope.MANAGE)

    @extend_schema(
        request=MemberChangesSerializer,
        responses=BoardMemberSerializer,
        operation_id="boards_members_change",
    )
    def patch(self, request: Request, board_id: uuid.UUID, member_id: uuid.UUID) -> Response:
        form = MemberChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        member = change_member(
            user=signed_in_user(request),
            board_id=board_id,
            member_id=member_id,
            role=MemberRole(form.validated_data["role"]),
        )
        return Response(BoardMemberSerializer(member).data)

    @extend_schema(responses={204: None}, operation_id="boards_members_remove")
    def delete(self, request: Request, board_id: uuid.UUID, member_id: uuid.UUID) -> Response:
        remove_member(user=signed_in_user(request), board_id=board_id, member_id=member_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SharedBoardListView(APIView):
    """The boards that others share with the user."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(responses=SharedBoardListSerializer, operation_id="boards_shared_list")
    def get(self, request: Request) -> Response:
        boards = list_shared_boards(user=signed_in_user(request))
        return Response({"boards": SharedBoardSerializer(boards, many=True).data})


class SharedBoardView(APIView):
    """A board that somebody else shares with the user."""

    required_scopes = by_method(GET=Scope.READ, DELETE=Scope.MANAGE)

    @extend_schema(responses=SharedBoardSerializer, operation_id="boards_shared_retrieve")
    def get(self, request: Request, board_id: uuid.UUID) -> Response:
        del request
        shared = get_shared_board(board_id=board_id)
        return Response(SharedBoardSerializer(shared).data)

    @extend_schema(responses={204: None}, operation_id="boards_shared_leave")
    def delete(self, request: Request, board_id: uuid.UUID) -> Response:
        """Leave the board: be no longer a member of it."""
        leave_board(user=signed_in_user(request), board_id=board_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SharedImagesView(APIView):
    """The pictures on a shared board, the newest first; editors move them."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.MANAGE)

    @extend_schema(
        parameters=[SharedImageListQuerySerializer],
        responses=SharedImagePageSerializer,
        operation_id="boards_shared_images",
    )
    def get(self, request: Request, board_id: uuid.UUID) -> Response:
        query = SharedImageListQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        text = query.validated_data.get("cursor")
        cursor = None if text is None else Cursor.from_text(text, order=Order.NEWEST)
        share = get_share(board_id=board_id)
        page = shared_page(share=share, size=query.validated_data["limit"], cursor=cursor)
        images = SharedImageSerializer(page.images, many=True, context={"share": share})
        addresses = {
            "next": page_address(request, page.next),
            "previous": page_address(request, page.previous),
        }
        return Response(addresses | {"results": images.data})

    @extend_schema(
        request=SharedMoveSerializer,
        responses={200: ActResultsSerializer},
        operation_id="boards_shared_move_images",
    )
    def post(self, request: Request, board_id: uuid.UUID) -> Response:
        """Take pictures off this board, or put them on another one of its owner; for editors."""
        form = SharedMoveSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        names = form.validated_data["images"]
        done = move_shared_images(
            user=signed_in_user(request),
            board_id=board_id,
            names=names,
            to=form.validated_data["to"],
        )
        return Response(act_results(names, done))


class SharedFullView(APIView):
    """The PNG of a picture on a shared board; its prompt is in it only where prompts are shown."""

    read_endpoint = Endpoint.FILE
    required_scopes = by_method(GET=Scope.READ)
    content_negotiation_class = AnyFormat

    @extend_schema(
        responses={(200, "image/png"): OpenApiTypes.BINARY}, operation_id="boards_shared_full"
    )
    def get(self, request: Request, board_id: uuid.UUID, image_name: uuid.UUID) -> HttpResponse:
        share = get_share(board_id=board_id)
        return shared_file(request, share=share, image_name=image_name, variant=FULL)


class SharedThumbnailView(APIView):
    """A small WebP of a picture on a shared board."""

    read_endpoint = Endpoint.FILE
    required_scopes = by_method(GET=Scope.READ)
    content_negotiation_class = AnyFormat

    @extend_schema(
        responses={(200, "image/webp"): OpenApiTypes.BINARY},
        operation_id="boards_shared_thumbnail",
    )
    def get(
        self, request: Request, board_id: uuid.UUID, image_name: uuid.UUID, size: int
    ) -> HttpResponse:
        share = get_share(board_id=board_id)
        return shared_file(request, share=share, image_name=image_name, variant=str(size))
