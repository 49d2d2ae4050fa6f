"""The pages of local accounts, and of what both kinds of account share."""

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME, login, logout, update_session_auth_hash
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import (
    INTERNAL_RESET_SESSION_TOKEN,
    LoginView,
    LogoutView,
    redirect_to_login,
)
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe
from django.views.generic import FormView, TemplateView, View

from apps.accounts.attempts import begin_attempt
from apps.accounts.errors import LinkExpired
from apps.accounts.forms import (
    UNCONFIRMED,
    ChangePasswordForm,
    EmailForm,
    NewPasswordForm,
    PasswordForm,
    SignInForm,
    SignUpForm,
    too_many_attempts,
)
from apps.accounts.models import User
from apps.accounts.oidc.sign_out import provider_sign_out_address
from apps.accounts.requests import origin_of, signed_in_user
from apps.accounts.selectors import account_by_id
from apps.accounts.services import users
from apps.accounts.sessions import delete_sessions, remember_session
from apps.accounts.tokens import confirmation_tokens, decode_user_id, reset_tokens
from apps.core.client_address import client_address
from apps.core.tenancy import tenant_scope
from config import env


def mail_directory() -> str:
    """Return where mails are written on this machine; empty where they are sent."""
    directory: Path | None = settings.EASEL_MAIL_DIRECTORY
    if directory is None:
        return ""
    inside = directory.is_relative_to(env.ROOT)
    return str(directory.relative_to(env.ROOT) if inside else directory)


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class LocalAccountMixin(View):
    """A page of accounts with a password of ours; with a provider there is no such page."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        if settings.EASEL_OIDC_ISSUER:
            raise Http404


def answer_in_time(response: HttpResponse, retry_after: int) -> HttpResponse:
    """Make `response` say 429 and when to try again, if there is something to wait for."""
    if retry_after:
        response.status_code = 429
        response["Retry-After"] = str(retry_after)
    return response


class SignInView(LoginView):
    """Sign in with e-mail and password, or go to the provider where there is one."""

    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            provider=bool(settings.EASEL_OIDC_ISSUER),
            demo_sign_in=settings.EASEL_DEMO_SIGN_IN,
            mail_directory=mail_directory(),
            notice=self.request.session.pop("notice", ""),
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if settings.EASEL_OIDC_ISSUER:
            raise Http404
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        with tenant_scope(form.get_user().pk):
            return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        if form.has_error("__all__", UNCONFIRMED):
            users.send_confirmation_again(user=form.get_user(), origin=origin_of(self.request))
        return answer_in_time(super().form_invalid(form), form.retry_after)


def administrator_sign_in(request: HttpRequest) -> HttpResponseRedirect:
    """Lead from the admin to the one sign-in page, and staff who come back to the admin.

    Raises:
        PermissionDenied: somebody is signed in who is no staff.
    """
    index = reverse("admin:index")
    target = request.GET.get(REDIRECT_FIELD_NAME, index)
    if not url_has_allowed_host_and_scheme(
        target, {request.get_host()}, require_https=request.is_secure()
    ):
        target = index
    if not request.user.is_authenticated:
        return redirect_to_login(target)
    if not request.user.is_staff:
        raise PermissionDenied
    return HttpResponseRedirect(target)


class MailingMixin(LocalAccountMixin):
    """A page that sends a mail to an address somebody typed: as limited as a sign-in."""

    template_name: str

    def must_wait(self, form: forms.Form) -> HttpResponse | None:
        """Return the answer for somebody who asked too often; every time counts."""
        attempt = begin_attempt(
            email=form.cleaned_data["email"], address=client_address(self.request)
        )
        if not attempt.retry_after:
            return None
        form.add_error(None, too_many_attempts(attempt.retry_after))
        page = render(self.request, self.template_name, {"form": form})
        return answer_in_time(page, attempt.retry_after)


class SignUpView(MailingMixin, FormView[SignUpForm]):
    """Begin an account; known and new addresses are answered alike."""

    template_name = "accounts/sign_up.html"
    form_class = SignUpForm
    success_url = reverse_lazy("accounts:sign-up-sent")

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        if wait := self.must_wait(form):
            return wait
        users.sign_up(**form.cleaned_data, origin=origin_of(self.request))
        return super().form_valid(form)


class MailSentView(LocalAccountMixin, TemplateView):
    """Say that a mail is on its way, whether or not there is an account for it."""

    template_name = "accounts/mail_sent.html"
    purpose = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            purpose=self.purpose, mail_directory=mail_directory(), **kwargs
        )


class LinkMixin(LocalAccountMixin):
    """A page that a link from a mail leads to."""

    account: User

    def expired(self) -> HttpResponse:
        """Answer a link that leads nowhere."""
        context = {"detail": LinkExpired.detail}
        return render(self.request, "accounts/link_expired.html", context, status=400)

    def find_account(self, uid: str) -> User | None:
        user_id = decode_user_id(uid)
        return account_by_id(user_id=user_id) if user_id else None


class ConfirmView(LinkMixin, FormView[PasswordForm]):
    """Open an account for someone who has both the link and the password.

    The link alone is not enough: somebody else may have signed up with this address and a
    password of theirs. And a GET changes nothing, since mail servers follow links.
    """

    template_name = "accounts/confirm.html"
    form_class = PasswordForm
    success_url = reverse_lazy(settings.LOGIN_REDIRECT_URL)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        account = self.find_account(kwargs["uid"])
        if account is None or not confirmation_tokens.check_token(account, kwargs["token"]):
            return self.expired()
        self.account = account
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"user": self.account}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(email=self.account.email, **kwargs)

    def form_valid(self, form: PasswordForm) -> HttpResponse:
        try:
            user = users.confirm_address(user=self.account, token=self.kwargs["token"])
        except LinkExpired:
            return self.expired()
        with tenant_scope(user.pk):
            login(self.request, user)
        return super().form_valid(form)


class PasswordForgottenView(MailingMixin, FormView[EmailForm]):
    """Ask for a link to a new password; known and unknown addresses are answered alike."""

    template_name = "accounts/password_forgotten.html"
    form_class = EmailForm
    success_url = reverse_lazy("accounts:password-forgotten-sent")

    def form_valid(self, form: EmailForm) -> HttpResponse:
        if wait := self.must_wait(form):
            return wait
        users.request_reset(email=form.cleaned_data["email"], origin=origin_of(self.request))
        return super().form_valid(form)


class PasswordResetView(LinkMixin, FormView[NewPasswordForm]):
    """Choose a new password by a link from a mail."""

    template_name = "accounts/password_reset.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("accounts:sign-in")
    # Stands in the address in place of the token, which no Referer header may carry on.
    hidden_token = "chosen"  # noqa: S105  # nosec B105

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        account, token = self.find_account(kwargs["uid"]), kwargs["token"]
        if token == self.hidden_token:
            self.token = request.session.get(INTERNAL_RESET_SESSION_TOKEN, "")
        else:
            self.token = token
        if account is None or not reset_tokens.check_token(account, self.token):
            return self.expired()
        if token != self.hidden_token:
            request.session[INTERNAL_RESET_SESSION_TOKEN] = token
            return redirect(request.path.replace(token, self.hidden_token))
        self.account = account
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"user": self.account}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(email=self.account.email, **kwargs)

    def form_valid(self, form: NewPasswordForm) -> HttpResponse:
        try:
            users.reset_password(
                user=self.account,
                token=self.token,
                password=form.cleaned_data["new_password"],
                origin=origin_of(self.request),
            )
        except LinkExpired:
            return self.expired()
        del self.request.session[INTERNAL_RESET_SESSION_TOKEN]
        self.request.session["notice"] = _("Your password is changed. Sign in with the new one.")
        return super().form_valid(form)


class PasswordChangeView(LoginRequiredMixin, LocalAccountMixin, FormView[ChangePasswordForm]):
    """Choose another password; this session goes on under a new key, the others end."""

    template_name = "accounts/password_change.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("dashboard:settings")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"user": signed_in_user(self.request)}

    def form_valid(self, form: ChangePasswordForm) -> HttpResponse:
        user = signed_in_user(self.request)
        password = form.cleaned_data["new_password"]
        users.change_password(user=user, password=password, origin=origin_of(self.request))
        update_session_auth_hash(self.request, user)
        remember_session(sender=User, request=self.request, user=user)
        delete_sessions(user_id=user.pk, keep=self.request.session.session_key)
        self.request.session["notice"] = _(
            "Your password is changed, and you are signed out everywhere else."
        )
        return super().form_valid(form)


@require_safe
def account(request: HttpRequest) -> HttpResponseRedirect:
    """Lead to the settings, where the account has its place; mails and bookmarks may name it."""
    del request
    return HttpResponseRedirect(reverse("dashboard:settings"))


def leave_for_provider(request: HttpRequest, address: str) -> HttpResponse:
    """Send the browser on to the provider by a page of its own.

    Not by a redirect: the content policy lets a form end at our own addresses only.
    """
    response = render(request, "accounts/leaving.html", {"address": address})
    response["Refresh"] = f"0; url={address}"
    return response


class SignOutView(LogoutView):
    """Sign out here, and then at the provider, whose own session would let anyone back in."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        address = provider_sign_out_address(request)
        response = super().post(request, *args, **kwargs)
        return leave_for_provider(request, address) if address else response


class SignOutEverywhereView(LoginRequiredMixin, View):
    """End every session of the one who asks, this one too."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        address = provider_sign_out_address(request)
        users.end_all_sessions(user=signed_in_user(request))
        logout(request)
        return leave_for_provider(request, address) if address else redirect("accounts:sign-in")
