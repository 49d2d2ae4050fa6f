"""The mails about an account: plain text, in the language of the one who reads them.

Where nothing is known of it, in the language of the page that caused them.
"""

from smtplib import SMTPException
from typing import Any

import structlog
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.accounts.tokens import confirmation_tokens, encode_user_id, reset_tokens

logger = structlog.get_logger(__name__)

SUBJECTS: dict[str, Promise] = {
    "confirm": _("Confirm your e-mail for Easel"),
    "known": _("You already have an Easel account"),
    "reset": _("A new password for Easel"),
    "unknown": _("There is no Easel account with this e-mail"),
    "changed": _("Your Easel password was changed"),
}


def send_confirmation(*, user: User, origin: str) -> None:
    """Send the link that confirms the address of `user`."""
    path = _link("accounts:confirm", user, confirmation_tokens.make_token(user))
    _send("confirm", user.email, user.language, link=f"{origin}{path}")


def send_known(*, user: User, origin: str) -> None:
    """Tell the owner of an address that someone signed up with it again."""
    sign_in, forgotten = reverse("accounts:sign-in"), reverse("accounts:password-forgotten")
    links = {"sign_in": f"{origin}{sign_in}", "forgotten": f"{origin}{forgotten}"}
    _send("known", user.email, user.language, **links)


def send_reset(*, user: User, origin: str) -> None:
    """Send the link that lets `user` choose a new password."""
    path = _link("accounts:password-reset", user, reset_tokens.make_token(user))
    _send("reset", user.email, user.language, link=f"{origin}{path}")


def send_unknown(*, email: str, origin: str) -> None:
    """Tell an address without an account that someone asked for a new password for it."""
    _send("unknown", email, "", sign_up=f"{origin}{reverse('accounts:sign-up')}")


def send_changed(*, user: User, origin: str) -> None:
    """Tell `user` that the password is another one, in case it was not them."""
    forgotten = f"{origin}{reverse('accounts:password-forgotten')}"
    _send("changed", user.email, user.language, forgotten=forgotten)


def _link(name: str, user: User, token: str) -> str:
    return reverse(name, kwargs={"uid": encode_user_id(user), "token": token})


def _send(kind: str, address: str, language: str, **context: Any) -> None:
    """Send a mail once the transaction is committed, in `language` or else in that of the page.

    A mail server that is away is logged and not shown: a page that told would tell known
    addresses from unknown ones, and every mail here can be asked for again.
    """
    # Rendered now: on commit the language of the page may be another one.
    with translation.override(language or translation.get_language()):
        subject = str(SUBJECTS[kind])
        body = render_to_string(f"accounts/mail/{kind}.txt", context)

    def send() -> None:
        try:
            send_mail(subject, body, None, [address])
        except (SMTPException, OSError):
            logger.exception("mail_failed", kind=kind)

    transaction.on_commit(send)
