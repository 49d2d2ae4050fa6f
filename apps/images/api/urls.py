from django.urls import path

from apps.images.api import views

urlpatterns = [
    path("images", views.ImageListView.as_view(), name="images"),
    path("images/acts", views.ImageActsView.as_view(), name="image-acts"),
    path("images/trash", views.TrashView.as_view(), name="image-trash"),
    path("images/<uuid:image_name>", views.ImageView.as_view(), name="image"),
    path("images/<uuid:image_name>/full", views.ImageFullView.as_view(), name="image-full"),
    path(
        "images/<uuid:image_name>/thumbnails/<int:size>",
        views.ImageThumbnailView.as_view(),
        name="image-thumbnail",
    ),
]
