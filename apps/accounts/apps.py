from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out


class AccountsConfig(AppConfig):
    name = "apps.accounts"

    def ready(self) -> None:
        from apps.accounts import schema  # noqa: F401  (drf-spectacular finds what is imported)
        from apps.accounts.announcements import close_sockets_of_session

        user_logged_out.connect(close_sockets_of_session, dispatch_uid="close_sockets_of_session")
