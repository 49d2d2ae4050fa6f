"""Sets of pictures with captions, the runs that learn from them, and samples of their way."""

import uuid
from typing import Any

from django.db import models

from apps.core.models import TenantModel

MAX_SETS = 50
LEAST_PICTURES = 3
MAX_PICTURES = 200
MAX_NAME_LENGTH = 100
MAX_CAPTION_LENGTH = 1000


class TrainingSet(TenantModel):
    """Pictures of one user with captions, from which LoRAs are trained."""

    name = models.CharField(max_length=MAX_NAME_LENGTH)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "id"], name="training_set_of_user"),)
        indexes = (models.Index(fields=["user", "-created_at", "-id"], name="training_set_newest"),)

    def __str__(self) -> str:
        return self.name


class TrainingPicture(TenantModel):
    """A picture of its user in a set; `position` orders them, with gaps and ties allowed.

    PostgreSQL takes it out of the set when the picture is deleted for good.
    """

    training_set = models.ForeignKey(
        # PostgreSQL ties both to rows of the same user.
        TrainingSet,
        on_delete=models.CASCADE,
        related_name="pictures",
        db_constraint=False,
        db_index=False,
    )
    image = models.ForeignKey(
        "images.Image",
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    caption = models.CharField(max_length=MAX_CAPTION_LENGTH, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "training_set", "image"], name="training_picture_once"
            ),
        )
        indexes = (
            models.Index(
                fields=["user", "training_set", "position", "id"], name="training_picture_order"
            ),
            # For the deletion of a picture.
            models.Index(fields=["user", "image"], name="training_picture_image"),
        )

    def __str__(self) -> str:
        return self.caption or str(self.image_id)


class TrainingRun(TenantModel):
    """A training: what it was asked with, how far it has come, and what came of it.

    Its state is that of its job; one that is tried again gets another job and goes on from its
    checkpoint. `pictures` are the set as it was then: {"image", "caption"} in their order. Of what
    attempts write, only that of `attempt` at `job_id` counts. `losses` are [step, loss], thinned
    out to `MAX_LOSSES`.
    """

    training_set = models.ForeignKey(
        # PostgreSQL ties it to a set of the same user.
        TrainingSet,
        on_delete=models.SET_NULL,
        null=True,
        related_name="runs",
        db_constraint=False,
        db_index=False,
    )
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    # The model that is learnt upon; its row stays while the job names it.
    base_model = models.CharField(max_length=64)
    settings = models.JSONField()
    pictures = models.JSONField()
    max_credits = models.PositiveIntegerField(null=True, blank=True)
    job_id = models.UUIDField()
    attempt = models.PositiveIntegerField(default=0)
    step = models.PositiveIntegerField(default=0)
    losses = models.JSONField(default=list, blank=True)
    # The file of the last checkpoint, which exists while there may be something to go on with.
    checkpoint = models.UUIDField(null=True, blank=True)
    checkpoint_step = models.PositiveIntegerField(default=0)
    model_key = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "id"], name="training_run_of_user"),
            models.UniqueConstraint(fields=["user", "job_id"], name="training_run_of_job"),
        )
        indexes = (
            models.Index(fields=["user", "-created_at", "-id"], name="training_run_newest"),
            models.Index(fields=["user", "training_set"], name="training_run_of_set"),
            models.Index(
                fields=["updated_at"],
                name="training_run_with_checkpoint",
                condition=models.Q(checkpoint__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def picture_names(self) -> list[uuid.UUID]:
        """List the names of the pictures that are learnt from."""
        rows: list[dict[str, Any]] = self.pictures
        return [uuid.UUID(row["image"]) for row in rows]


class TrainingSample(TenantModel):
    """A picture that shows what a run had learnt at a step, made with one of its prompts."""

    run = models.ForeignKey(
        # PostgreSQL ties it to a run of the same user.
        TrainingRun,
        on_delete=models.CASCADE,
        related_name="samples",
        db_constraint=False,
        db_index=False,
    )
    name = models.UUIDField(default=uuid.uuid4, editable=False)
    step = models.PositiveIntegerField()
    number = models.PositiveSmallIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    file_size_bytes = models.PositiveBigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "name"], name="training_sample_name_unique"),
            # An attempt that goes on from a checkpoint comes by the same steps again.
            models.UniqueConstraint(
                fields=["user", "run", "step", "number"], name="training_sample_once"
            ),
        )

    def __str__(self) -> str:
        return f"step {self.step}, prompt {self.number + 1}"
