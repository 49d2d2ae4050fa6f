from django.apps import AppConfig


class CanvasConfig(AppConfig):
    name = "apps.canvas"

    def ready(self) -> None:
        from apps.canvas.models import CanvasDocument, CanvasFile
        from apps.canvas.selectors import stored_bytes
        from apps.canvas.storage import FILE_PATTERN
        from apps.images.services.orphans import register_kind
        from apps.images.services.retention import register_what_goes
        from apps.plans.storage import register_counter

        register_counter(stored_bytes)
        register_what_goes(CanvasDocument)
        register_kind(FILE_PATTERN, CanvasFile, "name")
