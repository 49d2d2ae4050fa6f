"""The workflow that made a picture."""

from apps.core.errors import Invalid, NotFound
from apps.images.models import Image, ImageOrigin
from apps.workflows.documents import Document, read


def document_of_image(image: Image) -> Document:
    """Return the document that made a picture: as it ran, or as the file of an upload has it.

    Raises:
        NotFound: no workflow of Easel did, or the upload's is none.
    """
    if image.image_origin == ImageOrigin.INTERNAL:
        if image.graph is None:
            raise NotFound
        return dict(image.graph)
    # Of an upload it is as somebody wrote it into the file.
    try:
        return read(image.workflow).to_json()
    except Invalid as error:
        raise NotFound from error
