from django.apps import AppConfig


class GenerationConfig(AppConfig):
    name = "apps.generation"

    def ready(self) -> None:
        from apps.credits.signals import balance_changed
        from apps.generation.announcements import announce_balance

        balance_changed.connect(announce_balance, dispatch_uid="announce_balance")
