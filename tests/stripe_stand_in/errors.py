"""The refusals of the API, in Stripe's envelope."""

from typing import Any


class ApiError(Exception):
    """Something that is answered instead of an object."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"type": kind, "message": message} | {
            name: value for name, value in more.items() if value is not None
        }


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    return ApiError(400, "invalid_request_error", message, param=param, code=code)


def missing(noun: str, identifier: str, param: str = "id") -> ApiError:
    return ApiError(
        404,
        "invalid_request_error",
        f"No such {noun}: '{identifier}'",
        param=param,
        code="resource_missing",
    )


def unauthorized(message: str) -> ApiError:
    return ApiError(401, "invalid_request_error", message)


def declined(charge: dict[str, Any] | None, intent: dict[str, Any] | None) -> ApiError:
    return ApiError(
        402,
        "card_error",
        "Your card was declined.",
        code="card_declined",
        decline_code="generic_decline",
        charge=charge["id"] if charge else None,
        payment_intent=intent,
    )


def not_stood_in_for(what: str, param: str) -> ApiError:
    """Refuse what Stripe would accept, so that no test passes by what is not done here."""
    return ApiError(400, "invalid_request_error", f"The stand-in knows no {what}.", param=param)
