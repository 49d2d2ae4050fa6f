from django.apps import AppConfig


class ImagesConfig(AppConfig):
    name = "apps.images"

    def ready(self) -> None:
        from apps.images.selectors import stored_bytes
        from apps.plans.storage import register_counter

        register_counter(stored_bytes)
