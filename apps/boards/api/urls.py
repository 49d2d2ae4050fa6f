from django.urls import path

from apps.boards.api import views

urlpatterns = [
    path("boards", views.BoardListView.as_view(), name="boards"),
    path("boards/order", views.BoardOrderView.as_view(), name="board-order"),
    path("boards/days", views.DayListView.as_view(), name="board-days"),
    path("boards/none/images", views.LooseImagesView.as_view(), name="board-none-images"),
    path("boards/<uuid:board_id>", views.BoardView.as_view(), name="board"),
    path("boards/<uuid:board_id>/images", views.BoardImagesView.as_view(), name="board-images"),
]
