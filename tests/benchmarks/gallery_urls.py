"""A list by page numbers that counts all rows, skips those before, and asks for each board."""

from typing import Any

from django.urls import path
from rest_framework.generics import ListAPIView
from rest_framework.pagination import PageNumberPagination

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.boards.models import Board
from apps.images.models import Image
from apps.images.serializers import ImageSerializer
from config.urls import urlpatterns as own


class NaiveSerializer(ImageSerializer):
    def to_representation(self, instance: Image) -> dict[str, Any]:
        board_id = instance.board_id
        name = Board.objects.get(pk=board_id).name if board_id else None
        return super().to_representation(instance) | {"board_name": name}


class NaivePagination(PageNumberPagination):
    page_size = 100


class NaiveListView(ListAPIView[Image]):
    required_scopes = by_method(GET=Scope.READ)
    serializer_class = NaiveSerializer
    pagination_class = NaivePagination

    def get_queryset(self) -> Any:
        return Image.objects.filter(user=signed_in_user(self.request)).order_by("-created_at")


urlpatterns = [*own, path("naive", NaiveListView.as_view())]
