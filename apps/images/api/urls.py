from django.urls import path

from apps.images.api import archive_views, views

urlpatterns = [
    path("images", views.ImageListView.as_view(), name="images"),
    path("images/acts", views.ImageActsView.as_view(), name="image-acts"),
    path("images/trash", views.TrashView.as_view(), name="image-trash"),
    path("images/archives", archive_views.ArchiveListView.as_view(), name="image-archives"),
    path(
        "images/archives/<uuid:archive_id>",
        archive_views.ArchiveView.as_view(),
        name="image-archive",
    ),
    path(
        "images/archives/<uuid:archive_id>/file",
        archive_views.ArchiveFileView.as_view(),
        name="image-archive-file",
    ),
    path("images/<uuid:image_name>", views.ImageView.as_view(), name="image"),
    path("images/<uuid:image_name>/full", views.ImageFullView.as_view(), name="image-full"),
    path(
        "images/<uuid:image_name>/thumbnails/<int:size>",
        views.ImageThumbnailView.as_view(),
        name="image-thumbnail",
    ),
]
