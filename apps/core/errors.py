"""One family of errors, one envelope for every answer that is not a success.

`{"detail", "code", "error_id"}`, with `invalid_fields` and `fields` on 422 and the numbers that
help beside them. Whatever else is known goes to the log under the same `error_id`.
"""

import uuid
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from rest_framework import exceptions as drf
from rest_framework.response import Response

from apps.core.observability.web import figures
from apps.core.sentry import report

logger = structlog.get_logger(__name__)

Text = str | Promise
FieldMessages = dict[str, list[str]]


class ErrorCode(StrEnum):
    """The stable codes programs may rely on."""

    INVALID = "invalid"
    MALFORMED = "malformed"
    NOT_AUTHENTICATED = "not_authenticated"
    INVALID_TOKEN = "invalid_token"  # noqa: S105 (RFC 6750)  # nosec B105
    INSUFFICIENT_SCOPE = "insufficient_scope"
    PERMISSION_DENIED = "permission_denied"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_ACCEPTABLE = "not_acceptable"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    TOO_LARGE = "too_large"
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable"
    RATE_LIMITED = "rate_limited"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    VERSION_CONFLICT = "version_conflict"
    CONFLICT = "conflict"
    QUEUE_FULL = "queue_full"
    PLAN_PAUSED = "plan_paused"
    MODEL_NOT_IN_PLAN = "model_not_in_plan"
    LICENSE_REQUIRED = "license_required"
    FEATURE_NOT_IN_PLAN = "feature_not_in_plan"
    STORAGE_FULL = "storage_full"
    API_ACCESS = "api_access"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    QUOTE_EXPIRED = "quote_expired"
    PAYMENTS_OFF = "payments_off"
    PAYMENT_PROVIDER_UNAVAILABLE = "payment_provider_unavailable"
    PAYMENT_DECLINED = "payment_declined"
    KEY_CREDIT_CAP = "key_credit_cap"
    QUOTE_ABOVE_CAP = "quote_above_cap"
    INTERNAL = "internal"
    OUT_OF_MEMORY = "out_of_memory"
    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_GONE = "model_gone"
    CONTENT_REFUSED = "content_refused"
    # Of the other services that make pictures; `KEY` means the user's own.
    IMAGE_PROVIDER_TIMEOUT = "image_provider_timeout"
    IMAGE_PROVIDER_LIMITED = "image_provider_limited"
    IMAGE_PROVIDER_REFUSED = "image_provider_refused"
    IMAGE_PROVIDER_INVALID = "image_provider_invalid"
    IMAGE_PROVIDER_UNAVAILABLE = "image_provider_unavailable"
    IMAGE_PROVIDER_KEY_MISSING = "image_provider_key_missing"
    IMAGE_PROVIDER_KEY_REJECTED = "image_provider_key_rejected"
    IMAGE_PROVIDER_KEY_LIMITED = "image_provider_key_limited"
    IMAGE_PROVIDER_KEY_EMPTY = "image_provider_key_empty"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    WORKER_LOST = "worker_lost"
    TRAINING_DIVERGED = "training_diverged"


class EaselError(Exception):
    """An error that a user may see; `detail` says what to do and names no internals."""

    status = 400
    code: ErrorCode = ErrorCode.INVALID
    detail: Text = _("The request could not be carried out.")

    def __init__(
        self,
        detail: Text | None = None,
        *,
        code: ErrorCode | None = None,
        fields: Mapping[str, list[str]] | None = None,
        **numbers: int | float | str | Sequence[Mapping[str, str | None]],
    ) -> None:
        self.detail = detail if detail is not None else self.detail
        self.code = code or self.code
        self.fields = dict(fields or {})
        self.numbers = numbers
        super().__init__(str(self.code))


class UserFault(EaselError):
    """The request asked for something it may not have; nothing was changed."""


class ServiceFault(EaselError):
    """We failed; it costs the user nothing."""

    status = 500
    code = ErrorCode.INTERNAL
    detail = _("Something went wrong on our side. Please try again; if it persists, tell support.")


class InvalidToken(UserFault):
    """A key or token was sent that is not, or no longer, good for anything here."""

    status = 401
    code = ErrorCode.INVALID_TOKEN


class PaymentRequired(UserFault):
    """Credits are missing; the numbers say how many."""

    status = 402
    code = ErrorCode.INSUFFICIENT_CREDITS


class NotFound(UserFault):
    status = 404
    code = ErrorCode.NOT_FOUND
    detail = _("There is nothing here under this name.")


class Conflict(UserFault):
    status = 409
    code = ErrorCode.CONFLICT


class Forbidden(UserFault, PermissionDenied):
    """A refusal; also to Django and DRF, which ask on before they describe a view's methods."""

    status = 403
    code = ErrorCode.PERMISSION_DENIED
    detail = _("You may not do this.")


class TooLarge(UserFault):
    status = 413
    code = ErrorCode.TOO_LARGE
    detail = _("The body of the request is too large.")


class RangeNotSatisfiable(UserFault):
    """A part of a file was asked for that is beyond its `size`."""

    status = 416
    code = ErrorCode.RANGE_NOT_SATISFIABLE
    detail = _("The file has no such part.")

    def __init__(self, *, size: int) -> None:
        super().__init__(size=size)


class RateLimited(UserFault):
    """Too many requests; `retry_after` seconds from now there is room for another."""

    status = 429
    code = ErrorCode.RATE_LIMITED

    def __init__(self, *, retry_after: int, limit: int) -> None:
        detail = ngettext(
            "Too many requests. Please try again in %(seconds)d second.",
            "Too many requests. Please try again in %(seconds)d seconds.",
            retry_after,
        ) % {"seconds": retry_after}
        super().__init__(detail, retry_after=retry_after, limit=limit)


class Invalid(UserFault):
    """Values were refused; `fields` maps each field to its messages."""

    status = 422
    code = ErrorCode.INVALID
    detail = _("Some values need to be changed.")


def new_error_id() -> str:
    """Make the short id that ties an answer to its lines in the log."""
    return uuid.uuid4().hex[:16]


def envelope(error: EaselError, *, error_id: str) -> dict[str, Any]:
    """Render `error` as the body of a JSON answer."""
    body: dict[str, Any] = {
        "detail": str(error.detail),
        "code": str(error.code),
        "error_id": error_id,
    }
    if error.fields:
        body["invalid_fields"] = sorted(error.fields)
        body["fields"] = error.fields
    return body | error.numbers


_DRF_CODES: dict[type[drf.APIException], tuple[ErrorCode, Text]] = {
    drf.ParseError: (
        ErrorCode.MALFORMED,
        _("The body could not be read; check its syntax and that it is complete."),
    ),
    drf.NotAuthenticated: (ErrorCode.NOT_AUTHENTICATED, _("Sign in first.")),
    drf.AuthenticationFailed: (ErrorCode.NOT_AUTHENTICATED, _("Sign in first.")),
    drf.PermissionDenied: (ErrorCode.PERMISSION_DENIED, Forbidden.detail),
    drf.NotFound: (ErrorCode.NOT_FOUND, NotFound.detail),
    drf.MethodNotAllowed: (
        ErrorCode.METHOD_NOT_ALLOWED,
        _("This address does not take that method."),
    ),
    drf.NotAcceptable: (ErrorCode.NOT_ACCEPTABLE, _("Only JSON is served here.")),
    drf.UnsupportedMediaType: (
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        _("This address does not take that content type."),
    ),
    drf.Throttled: (ErrorCode.RATE_LIMITED, _("Too many requests. Please wait a little.")),
}


def from_exception(exception: BaseException) -> EaselError:
    """Translate any exception into the error a user may see."""
    if isinstance(exception, EaselError):
        return exception
    if isinstance(exception, Http404):
        return NotFound()
    if isinstance(exception, PermissionDenied):
        return Forbidden()
    if isinstance(exception, drf.ValidationError):
        return Invalid(fields=_field_messages(exception.detail))
    if isinstance(exception, RequestDataTooBig):
        return TooLarge()
    if isinstance(exception, SuspiciousOperation):
        return UserFault(code=ErrorCode.MALFORMED)
    for kind, (code, detail) in _DRF_CODES.items():
        if isinstance(exception, kind):
            error = UserFault(detail, code=code)
            error.status = exception.status_code
            return error
    return ServiceFault()


def _field_messages(detail: Any, prefix: str = "") -> FieldMessages:
    if isinstance(detail, Mapping):
        messages: FieldMessages = {}
        for name, inner in detail.items():
            path = f"{prefix}.{name}" if prefix else str(name)
            messages.update(_field_messages(inner, path))
        return messages
    items = detail if isinstance(detail, list) else [detail]
    if any(isinstance(item, Mapping) for item in items):
        # One entry for each of a list of objects, empty where nothing is wrong.
        return _field_messages(dict(enumerate(items)), prefix)
    return {prefix or "non_field_errors": [str(item) for item in items]}


def drf_exception_handler(exception: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer every exception of an API view with the envelope."""
    del context
    error = from_exception(exception)
    error_id = new_error_id()
    log_error(error, exception, error_id=error_id)
    response = Response(envelope(error, error_id=error_id), status=error.status)
    # DRF answers 403 for a missing session unless an authenticator offers a challenge.
    if error.code == ErrorCode.NOT_AUTHENTICATED:
        response.status_code = 401
        response["WWW-Authenticate"] = "Session, Bearer"
    elif error.status == 401:
        response["WWW-Authenticate"] = f'Bearer error="{error.code}"'
    elif isinstance(error, RateLimited):
        response["Retry-After"] = str(error.numbers["retry_after"])
    elif isinstance(error, RangeNotSatisfiable):
        response["Content-Range"] = f"bytes */{error.numbers['size']}"
    return response


def log_error(error: EaselError, exception: BaseException, *, error_id: str) -> None:
    """Write what the user is not told: the exception itself, for faults of ours its traceback."""
    figures.note_error(error.code)
    if error.status >= 500:
        logger.error("request_failed", error_id=error_id, code=error.code, exc_info=exception)
        report(exception, error_id=error_id, code=error.code)
    else:
        logger.info(
            "request_refused", error_id=error_id, code=error.code, fields=sorted(error.fields)
        )
