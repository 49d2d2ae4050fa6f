from django.apps import AppConfig


class GenerationConfig(AppConfig):
    name = "apps.generation"

    def ready(self) -> None:
        from apps.credits.signals import balance_changed
        from apps.generation.announcements import announce_archive, announce_balance
        from apps.generation.selectors import pictures_of_active_jobs
        from apps.images.services.intermediates import register_use
        from apps.images.signals import archive_changed

        register_use(pictures_of_active_jobs)
        balance_changed.connect(announce_balance, dispatch_uid="announce_balance")
        archive_changed.connect(announce_archive, dispatch_uid="announce_archive")
