"""Tell the sockets of a job's user what happened to it; call only after the commit."""

import uuid
from typing import Any

from apps.generation.events import ArchiveEvent, FailedEvent, FinishedEvent, publisher
from apps.generation.failures import failure_detail
from apps.generation.models import Job, JobState
from apps.images.archive_serializers import archive_url
from apps.images.models import Archive, Image
from apps.images.serializers import ImageSerializer


def announce_accepted(job: Job) -> None:
    publisher.publish(
        job.user_id,
        {
            "type": "queued",
            "job_id": str(job.id),
            "prompt": job.parameters["prompt"],
            "created_at": job.created_at.isoformat(),
        },
    )


def announce_start(job: Job) -> None:
    publisher.publish(
        job.user_id, {"type": "started", "job_id": str(job.id), "attempt": job.attempt}
    )


def announce_images(job: Job, images: list[Image]) -> None:
    for image in images:
        publisher.publish(
            job.user_id,
            {"type": "image", "job_id": str(job.id), "image": dict(ImageSerializer(image).data)},
        )


def announce_end(job: Job) -> None:
    """Announce a job in a terminal state, as finished or as failed."""
    if job.state == JobState.FAILED:
        failed: FailedEvent = {
            "type": "failed",
            "job_id": str(job.id),
            "error": {
                "code": job.error_code,
                "detail": failure_detail(job.error_code),
                "error_id": job.error_id,
            },
        }
        publisher.publish(job.user_id, failed)
        return
    finished: FinishedEvent = {
        "type": "finished",
        "job_id": str(job.id),
        "state": job.state,
        "compute_seconds": None if job.compute_seconds is None else float(job.compute_seconds),
    }
    publisher.publish(job.user_id, finished)


def announce_queue(*, user_id: uuid.UUID) -> None:
    """Tell that places in the queue of a user have changed."""
    publisher.publish_queue(user_id)


def announce_balance(*, sender: object, user_id: uuid.UUID, **kwargs: Any) -> None:
    """Answer `balance_changed`."""
    del sender, kwargs
    publisher.publish_balance(user_id)


def announce_archive(*, sender: object, archive: Archive, **kwargs: Any) -> None:
    """Answer `archive_changed`."""
    del sender, kwargs
    event: ArchiveEvent = {
        "type": "archive",
        "id": str(archive.id),
        "status": archive.status,
        "done": archive.done,
        "total": archive.total,
        "url": archive_url(archive),
    }
    publisher.publish(archive.user_id, event)
