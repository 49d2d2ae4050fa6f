from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "apps.catalog"

    def ready(self) -> None:
        from apps.catalog.selectors import model_bytes
        from apps.plans.storage import register_counter

        register_counter(model_bytes)
