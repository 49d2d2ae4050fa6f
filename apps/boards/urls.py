from django.urls import path

from apps.boards import views

urlpatterns = [
    path("<str:token>/", views.linked_grid, name="shared-link"),
    path("<str:token>/<uuid:image_name>/", views.linked_picture, name="shared-link-image"),
    path("<str:token>/<uuid:image_name>/<str:variant>", views.linked_file, name="shared-link-file"),
]
