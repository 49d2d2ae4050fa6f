from django.apps import AppConfig


class BoardsConfig(AppConfig):
    name = "apps.boards"

    def ready(self) -> None:
        from apps.accounts.signals import account_closed
        from apps.boards.sharing_services import forget_member

        account_closed.connect(forget_member, dispatch_uid="forget_member")
