"""Faults of ours to Sentry, where a DSN is set: what broke and where in the code, never for whom.

The log has the rest under the same `error_id`.
"""

from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from sentry_sdk.transport import Transport
    from sentry_sdk.types import Event, Hint

# Everything else (request, user, breadcrumbs, host, what a library may add some day) stays here.
_SENT = frozenset(
    {
        *("event_id", "timestamp", "level", "platform", "exception", "tags", "release", "sdk"),
        "fingerprint",
    }
)
_SENT_OF_FRAMES = frozenset({"filename", "function", "module", "lineno", "in_app", "context_line"})


def start_sentry(*, transport: "type[Transport] | None" = None) -> None:
    """Connect to the project of `EASEL_SENTRY_DSN`; without one the library is not even loaded."""
    if not settings.EASEL_SENTRY_DSN:
        return
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration

    sentry_sdk.init(
        dsn=settings.EASEL_SENTRY_DSN,
        transport=transport,
        release=f"easel@{settings.EASEL_VERSION}",
        # Errors are handed over by `report` alone, each once and with its id.
        default_integrations=False,
        auto_enabling_integrations=False,
        # What is waiting is sent when the process ends, without a word on the terminal.
        integrations=[AtexitIntegration(callback=lambda _pending, _timeout: None)],
        send_default_pii=False,
        include_local_variables=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        before_send=without_personal_data,
    )


def report(exception: BaseException, *, error_id: str, code: str, place: str | None = None) -> None:
    """Hand `exception` over, tagged with the id that its user was shown.

    What was never raised has no traceback to be told by: it is one issue for each `place`.
    """
    if not settings.EASEL_SENTRY_DSN:
        return
    import sentry_sdk

    with sentry_sdk.new_scope() as scope:
        scope.set_tag("error_id", error_id)
        scope.set_tag("code", code)
        if place is not None:
            scope.set_tag("place", place)
            scope.fingerprint = [code, place]
        scope.capture_exception(exception)


def without_personal_data(event: "Event", hint: "Hint") -> "Event | None":
    """Keep what is known to be about the code alone.

    The text of an exception is not: PostgreSQL quotes the row that it refused.
    """
    del hint
    kept: Any = {name: value for name, value in event.items() if name in _SENT}
    for exception in kept.get("exception", {}).get("values", []):
        exception["value"] = ""
        for frame in (exception.get("stacktrace") or {}).get("frames", []):
            for name in frame.keys() - _SENT_OF_FRAMES:
                del frame[name]
    result: Event = kept
    return result
