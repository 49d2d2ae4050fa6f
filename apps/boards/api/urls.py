from django.urls import path

from apps.boards.api import sharing_views, views

urlpatterns = [
    path("boards", views.BoardListView.as_view(), name="boards"),
    path("boards/order", views.BoardOrderView.as_view(), name="board-order"),
    path("boards/days", views.DayListView.as_view(), name="board-days"),
    path("boards/none/images", views.LooseImagesView.as_view(), name="board-none-images"),
    path("boards/<uuid:board_id>", views.BoardView.as_view(), name="board"),
    path("boards/<uuid:board_id>/images", views.BoardImagesView.as_view(), name="board-images"),
    path("boards/<uuid:board_id>/link", sharing_views.BoardLinkView.as_view(), name="board-link"),
    path(
        "boards/<uuid:board_id>/members",
        sharing_views.BoardMemberListView.as_view(),
        name="board-members",
    ),
    path(
        "boards/<uuid:board_id>/members/<uuid:member_id>",
        sharing_views.BoardMemberView.as_view(),
        name="board-member",
    ),
    path("boards/shared", sharing_views.SharedBoardListView.as_view(), name="shared-boards"),
    path(
        "boards/shared/<uuid:board_id>",
        sharing_views.SharedBoardView.as_view(),
        name="shared-board",
    ),
    path(
        "boards/shared/<uuid:board_id>/images",
        sharing_views.SharedImagesView.as_view(),
        name="shared-images",
    ),
    path(
        "boards/shared/<uuid:board_id>/images/<uuid:image_name>/full",
        sharing_views.SharedFullView.as_view(),
        name="shared-image-full",
    ),
    path(
        "boards/shared/<uuid:board_id>/images/<uuid:image_name>/thumbnails/<int:size>",
        sharing_views.SharedThumbnailView.as_view(),
        name="shared-image-thumbnail",
    ),
]
