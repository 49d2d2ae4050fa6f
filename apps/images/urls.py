from django.urls import path

from apps.images.views import signed_file

urlpatterns = [
    path("<uuid:user_id>/<uuid:image_name>/<str:variant>", signed_file, name="signed-file"),
]
