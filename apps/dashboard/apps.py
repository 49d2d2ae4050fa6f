from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class DashboardConfig(AppConfig):
    name = "apps.dashboard"

    def ready(self) -> None:
        from apps.dashboard.staff_groups import sync_staff_groups  # needs the models

        # The last app with tables: by then every permission is there.
        last = apps.get_app_config("generation")
        post_migrate.connect(sync_staff_groups, sender=last, dispatch_uid="staff_groups")
