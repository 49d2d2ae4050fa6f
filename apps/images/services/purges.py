"""Delete the files of pictures that are gone for good."""

from apps.core.storage import file_store
from apps.core.tenancy import service_scope
from apps.images.models import Purge
from apps.images.storage import file_keys

# Their files are as many as S3 deletes in one request.
PICTURES_A_BATCH = 333


def delete_purged_files() -> int:
    """Delete the files of every picture whose row is gone; return of how many pictures.

    A batch at a time, so that it can stop anywhere: what is not done is found again.

    Raises:
        OSError: the store is away; the next sweep goes on.
    """
    deleted = 0
    while batch := _delete_some():
        deleted += batch
    return deleted


def _delete_some() -> int:
    with service_scope("delete the files of purged pictures"):
        free = Purge.objects.order_by("id").select_for_update(skip_locked=True, of=("self",))
        purges = list(free[:PICTURES_A_BATCH])
        keys = [
            key
            for purge in purges
            for key in file_keys(user_id=purge.user_id, image_name=purge.image_name)
        ]
        if keys:
            file_store.delete_many(keys)
            Purge.objects.filter(id__in=[purge.id for purge in purges]).delete()
    return len(purges)
