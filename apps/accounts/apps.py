from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out


class AccountsConfig(AppConfig):
    name = "apps.accounts"

    def ready(self) -> None:
        from apps.accounts import audit  # models can be imported only now
        from apps.accounts.sessions import forget_session, remember_session

        user_logged_in.connect(remember_session, dispatch_uid="remember_session")
        user_logged_out.connect(forget_session, dispatch_uid="forget_session")
        audit.connect()
