"""What people fill in on the way in."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.forms.widgets import Input
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.accounts.attempts import begin_attempt
from apps.accounts.models import User
from apps.core.client_address import UNKNOWN, client_address
from apps.core.tenancy import tenant_scope

UNCONFIRMED = "unconfirmed"


def _input(kind: type[Input], autocomplete: str, **attributes: str) -> Input:
    return kind(attrs={"class": "input", "autocomplete": autocomplete, **attributes})


def _email_field() -> forms.EmailField:
    widget = _input(forms.EmailInput, "username", autocapitalize="none", spellcheck="false")
    return forms.EmailField(label=_("E-mail"), max_length=254, widget=widget)


def _password_field(label: Any, autocomplete: str, *, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        max_length=1024,
        help_text=help_text,
        widget=_input(forms.PasswordInput, autocomplete),
    )


def _new_password_field(label: Any) -> forms.CharField:
    help_text = _("At least 8 characters, and not one that many people use.")
    return _password_field(label, "new-password", help_text=help_text)


class SignInForm(AuthenticationForm):
    """E-mail and password of an account that is open.

    `retry_after` is set when there were too many failures.
    """

    retry_after = 0

    def clean(self) -> dict[str, Any]:
        """Check the password, unless this e-mail or address has to wait.

        Raises:
            ValidationError: the two do not belong together, or there were too many tries.
        """
        if not (self.cleaned_data.get("username") and self.cleaned_data.get("password")):
            return super().clean()
        attempt = begin_attempt(
            email=self.cleaned_data["username"],
            address=client_address(self.request) if self.request else UNKNOWN,
        )
        if attempt.retry_after:
            self.retry_after = attempt.retry_after
            raise ValidationError(too_many_attempts(attempt.retry_after), code="rate_limited")
        cleaned = super().clean()
        attempt.forgive()
        return cleaned

    def confirm_login_allowed(self, user: User) -> None:
        super().confirm_login_allowed(user)
        # The password was right, so this tells nothing to a stranger.
        if not user.email_verified:
            raise ValidationError(
                _("Confirm your e-mail first: we have just sent you the link once more."),
                code=UNCONFIRMED,
            )


def too_many_attempts(seconds: int) -> str:
    """Say in how many minutes to try again."""
    minutes = -(-seconds // 60)
    return ngettext(
        "Too many attempts. Please try again in %(minutes)d minute.",
        "Too many attempts. Please try again in %(minutes)d minutes.",
        minutes,
    ) % {"minutes": minutes}


class FocusedForm(forms.Form):
    """A form whose first field has the focus, or the first one to be corrected."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._set_focus(next(iter(self.fields)))

    def add_error(self, field: str | None, error: Any) -> None:
        super().add_error(field, error)
        if wrong := [name for name in self.fields if name in self.errors]:
            self._set_focus(wrong[0])

    def _set_focus(self, focused: str) -> None:
        for name, field in self.fields.items():
            field.widget.attrs["autofocus"] = name == focused


class SignUpForm(FocusedForm):
    """What a new account needs."""

    email = _email_field()
    password = _new_password_field(_("Password"))
    name = forms.CharField(
        label=_("Name (optional)"),
        max_length=150,
        required=False,
        widget=_input(forms.TextInput, "name"),
    )

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if "password" in values:
            person = User(email=values.get("email", ""), name=values.get("name", ""))
            _check_password(self, "password", values["password"], person)
        return values


class EmailForm(FocusedForm):
    """An address to write to."""

    email = _email_field()


class PasswordForm(FocusedForm):
    """The password of the account that a link is for."""

    password = _password_field(_("Password"), "current-password")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        # In the user's scope: a password of an older hasher is hashed anew.
        with tenant_scope(self.user.pk):
            known = self.user.check_password(password)
        if not known:
            raise ValidationError(_("This is not the password you signed up with."), code="wrong")
        return password


class NewPasswordForm(FocusedForm):
    """A password to take the place of a forgotten one."""

    new_password = _new_password_field(_("New password"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        validate_password(password, self.user)
        return password


class ChangePasswordForm(NewPasswordForm):
    """A new password, asked of someone who knows the present one."""

    old_password = _password_field(_("Present password"), "current-password")
    field_order = ("old_password", "new_password")

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if not self.user.check_password(password):
            raise ValidationError(_("This is not your present password."), code="wrong")
        return password


def _check_password(form: forms.Form, field: str, password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        form.add_error(field, error)
