"""How the file of a shared picture is answered."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from rest_framework.request import Request

from apps.boards.sharing_selectors import Share, get_shared_image
from apps.images.answers import file_answer
from apps.images.files import without_words
from apps.images.selectors import FULL, read_variant


def shared_file(
    request: HttpRequest | Request, *, share: Share, image_name: uuid.UUID, variant: str
) -> HttpResponse:
    """Answer a file of a picture on a shared board: `FULL`, or a size of thumbnails.

    What is withdrawn has to be gone at once, so whoever keeps it asks before each use.

    Raises:
        NotFound: the picture is not on the board, or there is no such variant.
    """
    get_shared_image(share=share, image_name=image_name)
    etag = quote_etag(f"{image_name}-{variant}-{share.shows_prompts:d}")
    answer = get_conditional_response(request, etag=etag)
    if answer is None:
        content = read_variant(user_id=share.owner_id, image_name=image_name, variant=variant)
        if variant == FULL and not share.shows_prompts:
            content = without_words(content)
        kind = "png" if variant == FULL else "webp"
        answer = file_answer(content, content_type=f"image/{kind}", name=f"{image_name}.{kind}")
        answer["ETag"] = etag
    answer["Cache-Control"] = "private, no-cache"
    return answer
