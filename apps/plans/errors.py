"""What can go wrong with payments, as a user may see it."""

from django.utils.translation import gettext_lazy as _

from apps.core.errors import Conflict, ErrorCode, ServiceFault, UserFault


class PaymentsOff(Conflict):
    """This installation has no key of a payment provider."""

    code = ErrorCode.PAYMENTS_OFF
    detail = _("Payments are off here, so nothing can be bought or changed.")


class PaymentProviderUnavailable(ServiceFault):
    """The payment provider could not be asked, or refused what we asked."""

    status = 503
    code = ErrorCode.PAYMENT_PROVIDER_UNAVAILABLE
    detail = _("Our payment provider cannot be reached. Nothing was changed; please try again.")


class PaymentDeclined(UserFault):
    """The card was declined, and the change it was to pay for did not happen."""

    status = 402
    code = ErrorCode.PAYMENT_DECLINED
    detail = _("Your card was declined, so nothing was changed. Change the card and try again.")
