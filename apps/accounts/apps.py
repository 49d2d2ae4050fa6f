from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out


class AccountsConfig(AppConfig):
    name = "apps.accounts"

    def ready(self) -> None:
        # Models can be imported only now; drf-spectacular finds what is imported.
        from apps.accounts import audit, schema  # noqa: F401
        from apps.accounts.announcements import close_sockets_of_session
        from apps.accounts.sessions import forget_session, remember_session

        user_logged_in.connect(remember_session, dispatch_uid="remember_session")
        user_logged_out.connect(forget_session, dispatch_uid="forget_session")
        user_logged_out.connect(close_sockets_of_session, dispatch_uid="close_sockets_of_session")
        audit.connect()
