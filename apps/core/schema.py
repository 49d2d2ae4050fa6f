"""OpenAPI: add the error envelope to every operation, so that no view has to say it."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema

from apps.core.serializers import ErrorSerializer


class EaselSchema(AutoSchema):
    """Describe the default error answer once for all operations."""

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "response":
            error = self._get_response_for_code(ErrorSerializer, "default")  # type: ignore[no-untyped-call]
            error["description"] = "An error, in the envelope that all errors share."
            responses["default"] = error
        return responses
