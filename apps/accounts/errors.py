"""What can go wrong on the way in."""

from django.utils.translation import gettext_lazy as _

from apps.core.errors import ErrorCode, ServiceFault, UserFault


class LinkExpired(UserFault):
    """A link from a mail was used before, or is too old, or was never ours."""

    detail = _("This link no longer works: it was used before, or it is too old.")


class SignInRefused(UserFault):
    """The provider knows this person, and yet they may not come in."""

    status = 403
    code = ErrorCode.PERMISSION_DENIED
    detail = _("You cannot sign in with this account.")


class SignInIncomplete(UserFault):
    """What came back from the provider does not belong to a sign-in that was begun here."""

    code = ErrorCode.MALFORMED
    detail = _("This sign-in was not begun in this browser, or it took too long. Start again.")


class ProviderUnavailable(ServiceFault):
    """The provider does not answer, or not in a way that can be relied on."""

    status = 503
    code = ErrorCode.PROVIDER_UNAVAILABLE
    detail = _(
        "The service that signs you in does not answer. Your account and your pictures are safe. "
        "Please try again in a few minutes."
    )
