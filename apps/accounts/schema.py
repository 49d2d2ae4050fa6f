"""OpenAPI: the two kinds of bearer tokens."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe API keys and tokens of the provider, either of which will do."""

    target_class = "apps.accounts.authentication.BearerAuthentication"
    name = ["apiKey", "providerToken"]  # noqa: RUF012  (the base class wants a list)

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        del auto_schema
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, str]]:
        del auto_schema
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "ek_…",
                "description": "An API key of yours, made on the page “API keys” or at `/keys`.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "An access or id token of the sign-in provider.",
            },
        ]
