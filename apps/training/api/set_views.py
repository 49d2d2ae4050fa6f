import uuid
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Scope
from apps.accounts.permissions import by_method
from apps.accounts.requests import signed_in_user
from apps.training.models import TrainingSet
from apps.training.requests import PictureChangesSerializer, PictureNamesSerializer, SetSerializer
from apps.training.selectors import get_set, list_pictures, list_sets
from apps.training.serializers import (
    RemovedPicturesSerializer,
    TrainingPictureSerializer,
    TrainingSetSerializer,
    render_pictures,
)
from apps.training.services import sets


@extend_schema_view(get=extend_schema(operation_id="training_sets_list"))
class SetListView(ListAPIView[TrainingSet]):
    """List one's sets of pictures to learn from, newest first; or make one."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.GENERATE)
    serializer_class = TrainingSetSerializer
    queryset = TrainingSet.objects.none()

    def get_queryset(self) -> QuerySet[TrainingSet]:
        return list_sets(user=signed_in_user(self.request))

    @extend_schema(
        request=SetSerializer,
        responses={201: TrainingSetSerializer},
        operation_id="training_sets_create",
    )
    def post(self, request: Request) -> Response:
        form = SetSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = sets.create_set(user=signed_in_user(request), **form.validated_data)
        headers = {"Location": reverse("training-set", args=[made.id])}
        data = TrainingSetSerializer(made).data
        return Response(data, status=status.HTTP_201_CREATED, headers=headers)


class SetView(APIView):
    """One set."""

    required_scopes = by_method(GET=Scope.READ, PATCH=Scope.GENERATE, DELETE=Scope.MANAGE)

    @extend_schema(responses=TrainingSetSerializer, operation_id="training_sets_retrieve")
    def get(self, request: Request, set_id: uuid.UUID) -> Response:
        found = get_set(user=signed_in_user(request), set_id=set_id)
        return Response(TrainingSetSerializer(found).data)

    @extend_schema(
        request=SetSerializer,
        responses=TrainingSetSerializer,
        operation_id="training_sets_rename",
    )
    def patch(self, request: Request, set_id: uuid.UUID) -> Response:
        form = SetSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = signed_in_user(request)
        found = sets.rename_set(user=user, set_id=set_id, **form.validated_data)
        return Response(TrainingSetSerializer(found).data)

    @extend_schema(responses={204: None}, operation_id="training_sets_delete")
    def delete(self, request: Request, set_id: uuid.UUID) -> Response:
        """Delete the set; its pictures, and what was trained from it, stay."""
        sets.delete_set(user=signed_in_user(request), set_id=set_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SetPicturesView(APIView):
    """The pictures of a set in their order, with their captions; at most 200."""

    required_scopes = by_method(GET=Scope.READ, POST=Scope.GENERATE, PATCH=Scope.GENERATE)

    @extend_schema(
        responses=TrainingPictureSerializer(many=True), operation_id="training_pictures_list"
    )
    def get(self, request: Request, set_id: uuid.UUID) -> Response:
        return self._listed(request, set_id)

    @extend_schema(
        request=PictureNamesSerializer,
        responses=TrainingPictureSerializer(many=True),
        operation_id="training_pictures_add",
    )
    def post(self, request: Request, set_id: uuid.UUID) -> Response:
        """Add pictures of one's own; a caption begins as the prompt of its picture."""
        form = PictureNamesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        names = form.validated_data["images"]
        sets.add_pictures(user=signed_in_user(request), set_id=set_id, names=names)
        return self._listed(request, set_id)

    @extend_schema(
        request=PictureChangesSerializer,
        responses=TrainingPictureSerializer(many=True),
        operation_id="training_pictures_change",
    )
    def patch(self, request: Request, set_id: uuid.UUID) -> Response:
        """Write captions, and put pictures in another order."""
        form = PictureChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = signed_in_user(request)
        changes: dict[str, Any] = form.validated_data
        if "captions" in changes:
            sets.write_captions(user=user, set_id=set_id, captions=changes["captions"])
        if "order" in changes:
            sets.order_pictures(user=user, set_id=set_id, names=changes["order"])
        return self._listed(request, set_id)

    @staticmethod
    def _listed(request: Request, set_id: uuid.UUID) -> Response:
        user = signed_in_user(request)
        get_set(user=user, set_id=set_id)
        pictures = list(list_pictures(user=user, set_id=set_id))
        return Response(render_pictures(pictures, request=request))


class SetPicturesRemoveView(APIView):
    """Take pictures out of a set; they stay in the gallery."""

    required_scopes = by_method(POST=Scope.GENERATE)

    @extend_schema(
        request=PictureNamesSerializer,
        responses=RemovedPicturesSerializer,
        operation_id="training_pictures_remove",
    )
    def post(self, request: Request, set_id: uuid.UUID) -> Response:
        form = PictureNamesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        names = form.validated_data["images"]
        count = sets.remove_pictures(user=signed_in_user(request), set_id=set_id, names=names)
        return Response({"count": count})
