"""One view twice: with the authentication and tenancy of every API view, and without."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.requests import signed_in_user


class ClosedView(APIView):
    """Answer with nothing but who asked."""

    def get(self, request: Request) -> Response:
        return Response({"user": str(signed_in_user(request).id)})


class OpenView(APIView):
    """The same without asking who it is."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        del request
        return Response({"user": "00000000-0000-0000-0000-000000000000"})


class CountQueriesMiddleware:
    """Tell in a header how many queries a request made; outermost, so that it sees them all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        count = 0

        def counting(execute: Callable[..., Any], *arguments: Any) -> Any:
            nonlocal count
            count += 1
            return execute(*arguments)

        with connection.execute_wrapper(counting):
            response = self.get_response(request)
        response["X-Queries"] = str(count)
        return response


urlpatterns = [path("closed", ClosedView.as_view()), path("open", OpenView.as_view())]
