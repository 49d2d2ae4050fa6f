"""OpenAPI: add to every operation what all have, so that no view has to say it."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema

from apps.core.serializers import ErrorSerializer


class EaselSchema(AutoSchema):
    """Describe the default error answer and the scope of keys once for all operations."""

    def get_description(self) -> str:  # type: ignore[override]
        description: str = super().get_description()
        scope = getattr(self.view, "required_scopes", {}).get(self.method)
        return f"{description}\n\nKeys need the scope `{scope}`." if scope else description

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "response":
            error = self._get_response_for_code(ErrorSerializer, "default")  # type: ignore[no-untyped-call]
            error["description"] = "An error, in the envelope that all errors share."
            responses["default"] = error
        return responses
