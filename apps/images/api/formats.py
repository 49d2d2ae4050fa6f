"""What may be asked of the file of a picture."""

from collections.abc import Iterable

from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from apps.images.exports import DEFAULT_QUALITY, ExportFormat
from apps.images.serializers import DownloadSerializer


class ExportSerializer(DownloadSerializer):
    """As which kind of file a picture is answered, and how."""

    format = serializers.ChoiceField(
        choices=[kind.value for kind in ExportFormat], default=ExportFormat.PNG.value
    )
    quality = serializers.IntegerField(
        min_value=1,
        max_value=100,
        default=DEFAULT_QUALITY,
        help_text="Of a WebP or a JPEG; a PNG is always whole.",
    )


class AnyFormat(BaseContentNegotiation):
    """Answer with a file whatever `Accept` says; `format` is the view's own to read.

    DRF would look for a renderer of that name, and refuse whoever accepts pictures alone.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        del request, format_suffix
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or ""
