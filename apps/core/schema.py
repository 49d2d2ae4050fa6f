"""OpenAPI: add to every operation what all have, so that no view has to say it."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema

from apps.core.serializers import ErrorSerializer


class EaselSchema(AutoSchema):
    """Describe the default error answer and the scope of keys once for all operations."""

    def get_description(self) -> str:  # type: ignore[override]
        description: str = super().get_description()
        if getattr(self.view, "refuses_keys", False):
            return f"{description}\n\nFor staff, signed in or with a token of the provider."
        scope = getattr(self.view, "required_scopes", {}).get(self.method)
        return f"{description}\n\nKeys need the scope `{scope}`." if scope else description

    def get_auth(self) -> list[dict[str, Any]]:
        """Leave API keys out where the view says that it refuses them."""
        ways: list[dict[str, Any]] = super().get_auth()
        refused = "apiKey" if getattr(self.view, "refuses_keys", False) else None
        return [way for way in ways if refused not in way]

    def _get_serializer_field_meta(self, field: Any, direction: Any) -> dict[str, Any]:
        """Leave out what columns are called in the admin: a field is called as it is sent."""
        meta: dict[str, Any] = super()._get_serializer_field_meta(field, direction)  # type: ignore[no-untyped-call]
        meta.pop("title", None)
        return meta

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Any]:
        responses: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "response":
            error = self._get_response_for_code(ErrorSerializer, "default")  # type: ignore[no-untyped-call]
            error["description"] = "An error, in the envelope that all errors share."
            responses["default"] = error
        return responses
