"""Files for whoever has their signed address."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from apps.core.cloudfront import cloudfront_signer
from apps.core.errors import NotFound
from apps.images.answers import file_answer
from apps.images.delivery import served_address
from apps.images.selectors import FULL, read_variant, variant_key
from apps.images.signing import seconds_left


@require_safe
def signed_file(
    request: HttpRequest, user_id: uuid.UUID, image_name: uuid.UUID, variant: str
) -> HttpResponse:
    """Answer a file of a picture; 404 for an address that was altered or has ended.

    Where CloudFront serves pictures, lead to the one file there. To sign each address of a list
    would cost a hundred times as much as the list, and most are never asked for.
    """
    left = seconds_left(
        user_id=user_id,
        image_name=image_name,
        variant=variant,
        ends=request.GET.get("ends", ""),
        signature=request.GET.get("signature", ""),
    )
    if not left:
        raise Http404
    signer = cloudfront_signer()
    if signer is not None:
        try:
            key = variant_key(user_id=user_id, image_name=image_name, variant=variant)
        except NotFound as error:
            raise Http404 from error
        # Its end is that of the address, so that it repeats too.
        target = signer.signed_address(served_address(key), ends=int(request.GET["ends"]))
        response = HttpResponseRedirect(target)
        response["Cache-Control"] = f"private, max-age={left}"
        return response
    try:
        content = read_variant(user_id=user_id, image_name=image_name, variant=variant)
    except NotFound as error:
        raise Http404 from error
    kind = "png" if variant == FULL else "webp"
    return file_answer(
        content, content_type=f"image/{kind}", name=f"{image_name}.{kind}", seconds=left
    )
