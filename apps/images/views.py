"""Files for whoever has their signed address."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from apps.core.errors import NotFound
from apps.images.answers import file_answer
from apps.images.selectors import FULL, read_variant
from apps.images.signing import seconds_left


@require_safe
def signed_file(
    request: HttpRequest, user_id: uuid.UUID, image_name: uuid.UUID, variant: str
) -> HttpResponse:
    """Answer a file of a picture; 404 for an address that was altered or has ended."""
    left = seconds_left(
        user_id=user_id,
        image_name=image_name,
        variant=variant,
        ends=request.GET.get("ends", ""),
        signature=request.GET.get("signature", ""),
    )
    if not left:
        raise Http404
    try:
        content = read_variant(user_id=user_id, image_name=image_name, variant=variant)
    except NotFound as error:
        raise Http404 from error
    kind = "png" if variant == FULL else "webp"
    return file_answer(
        content, content_type=f"image/{kind}", name=f"{image_name}.{kind}", seconds=left
    )
