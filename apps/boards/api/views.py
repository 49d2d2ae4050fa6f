import uuid
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.boards.selectors import get_board, list_boards, list_days
from apps.boards.serializers import (
    BoardChangesSerializer,
    BoardDeletionSerializer,
    BoardListQuerySerializer,
    BoardListSerializer,
    BoardOrderSerializer,
    BoardSerializer,
    DayQuerySerializer,
    DaySerializer,
    NewBoardSerializer,
)
from apps.boards.services import (
    create_board,
    delete_board,
    edit_board,
    move_images,
    order_boards,
)
from apps.core.errors import Invalid
from apps.core.replica import read_from_reader
from apps.images.requests import ActResultsSerializer, NamesSerializer, act_results
from apps.images.selectors import picture_counts


class BoardListView(APIView):
    """All boards with their counts and covers; or make one."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.GENERATE)

    @extend_schema(
        parameters=[BoardListQuerySerializer],
        responses=BoardListSerializer,
        operation_id="boards_list",
    )
    def get(self, request: Request) -> Response:
        query = BoardListQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        user = signed_in_user(request)
        archived = query.validated_data["archived"] == "true"
        found, counts = read_from_reader(
            user.id,
            lambda: (
                list(list_boards(user=user, archived=archived)),
                picture_counts(user_id=user.id),
            ),
        )
        boards = BoardSerializer(found, many=True, context={"request": request})
        return Response({"boards": boards.data, **counts})

    @extend_schema(
        request=NewBoardSerializer,
        responses={201: BoardSerializer},
        operation_id="boards_create",
    )
    def post(self, request: Request) -> Response:
        form = NewBoardSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        board = create_board(user=signed_in_user(request), **form.validated_data)
        data = BoardSerializer(board, context={"request": request}).data
        return Response(data, status=status.HTTP_201_CREATED)


class BoardOrderView(APIView):
    """The order of the boards."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(request=BoardOrderSerializer, responses={204: None}, operation_id="boards_order")
    def post(self, request: Request) -> Response:
        """Put boards into this order; those that are not named come after them."""
        form = BoardOrderSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        order_boards(user=signed_in_user(request), board_ids=form.validated_data["boards"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class BoardView(APIView):
    """One board."""

    required_scopes = by_method(GET=Scope.READ, PATCH=Scope.GENERATE, DELETE=Scope.MANAGE)

    @extend_schema(responses=BoardSerializer, operation_id="boards_retrieve")
    def get(self, request: Request, board_id: uuid.UUID) -> Response:
        board = get_board(user=signed_in_user(request), board_id=board_id)
        return Response(BoardSerializer(board, context={"request": request}).data)

    @extend_schema(
        request=BoardChangesSerializer, responses=BoardSerializer, operation_id="boards_edit"
    )
    def patch(self, request: Request, board_id: uuid.UUID) -> Response:
        form = BoardChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        board = edit_board(user=signed_in_user(request), board_id=board_id, **form.validated_data)
        return Response(BoardSerializer(board, context={"request": request}).data)

    @extend_schema(
        parameters=[BoardDeletionSerializer], responses={204: None}, operation_id="boards_delete"
    )
    def delete(self, request: Request, board_id: uuid.UUID) -> Response:
        query = BoardDeletionSerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        delete_board(
            user=signed_in_user(request),
            board_id=board_id,
            with_pictures=query.validated_data["pictures"] == "trash",
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class BoardImagesView(APIView):
    """The pictures on a board; `GET images?board=` lists them."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=NamesSerializer,
        responses={200: ActResultsSerializer},
        operation_id="boards_move_images",
    )
    def post(self, request: Request, board_id: uuid.UUID) -> Response:
        """Move pictures to this board, from whichever they are on."""
        return _move(request, board_id)


class LooseImagesView(APIView):
    """The pictures on no board."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=NamesSerializer,
        responses={200: ActResultsSerializer},
        operation_id="boards_loosen_images",
    )
    def post(self, request: Request) -> Response:
        """Take pictures from the boards they are on."""
        return _move(request, None)


def _move(request: Request, board_id: uuid.UUID | None) -> Response:
    form = NamesSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    names = form.validated_data["images"]
    done = move_images(user=signed_in_user(request), names=names, board_id=board_id)
    return Response(act_results(names, done))


class DayListView(APIView):
    """Boards that nobody made: how many pictures there are of each day."""

    required_scopes = by_method(GET=Scope.READ)

    @extend_schema(
        parameters=[DayQuerySerializer],
        responses=DaySerializer(many=True),
        operation_id="boards_days",
    )
    def get(self, request: Request) -> Response:
        query = DayQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        days = list_days(user=signed_in_user(request), zone=_zone(query.validated_data["zone"]))
        return Response(DaySerializer(days, many=True).data)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise Invalid(fields={"zone": [_("Name a time zone as in “Asia/Seoul”.")]}) from error
