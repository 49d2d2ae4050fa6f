from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class DashboardConfig(AppConfig):
    name = "apps.dashboard"

    def ready(self) -> None:
        from apps.core.observability.figures import register_collector
        from apps.dashboard.reports.business import measure_business  # these need the models
        from apps.dashboard.staff_groups import sync_staff_groups
        from apps.dashboard.staff_words import name_models_and_columns

        name_models_and_columns()
        register_collector("business", measure_business)

        # The last app with tables: by then every permission is there.
        last = apps.get_app_config("workflows")
        post_migrate.connect(sync_staff_groups, sender=last, dispatch_uid="staff_groups")
