from django.urls import path

from apps.accounts import views
from apps.accounts.oidc.views import ProviderCallbackView, ProviderStartView

app_name = "accounts"

urlpatterns = [
    path("", views.account, name="account"),
    path("sign-in/", views.SignInView.as_view(), name="sign-in"),
    path("sign-out/", views.SignOutView.as_view(), name="sign-out"),
    path("sign-out/everywhere/", views.SignOutEverywhereView.as_view(), name="sign-out-everywhere"),
    path("sign-up/", views.SignUpView.as_view(), name="sign-up"),
    path("sign-up/sent/", views.MailSentView.as_view(purpose="sign-up"), name="sign-up-sent"),
    path("confirm/<str:uid>/<str:token>/", views.ConfirmView.as_view(), name="confirm"),
    path("password/", views.PasswordChangeView.as_view(), name="password-change"),
    path("password/forgotten/", views.PasswordForgottenView.as_view(), name="password-forgotten"),
    path(
        "password/forgotten/sent/",
        views.MailSentView.as_view(purpose="reset"),
        name="password-forgotten-sent",
    ),
    path(
        "password/reset/<str:uid>/<str:token>/",
        views.PasswordResetView.as_view(),
        name="password-reset",
    ),
    path("oidc/start/", ProviderStartView.as_view(), name="oidc-start"),
    path("oidc/callback/", ProviderCallbackView.as_view(), name="oidc-callback"),
]
