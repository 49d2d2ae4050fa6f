"""What happens to trainings when an account or its plan has ended."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.accounts.models import User
from apps.images.models import Image
from apps.images.services.retention import note_pictures_that_will_go
from apps.plans.models import Notice, NoticeState, Subscription
from apps.plans.services.notices import send_notices
from apps.training.models import TrainingRun, TrainingSample, TrainingSet
from apps.training.services.retention import delete_samples_past_retention
from tests.lora_training.factories import make_run, make_sample

DAY = timedelta(days=1)


def test_samples_go_when_a_plan_has_long_ended_though_no_picture_is_left(
    trainer: User,
    discs: TrainingSet,
    stored_files: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    make_sample(make_run(trainer, discs))
    Image.objects.filter(user=trainer).delete()
    now = timezone.now()
    Subscription.objects.filter(user=trainer).update(
        valid_from=now - 60 * DAY, valid_until=now - 31 * DAY
    )
    assert delete_samples_past_retention() == 0
    note_pictures_that_will_go()
    send_notices()
    Notice.objects.filter(state=NoticeState.SENT).update(sent_at=now - 8 * DAY)

    with django_capture_on_commit_callbacks(execute=True):
        assert (delete_samples_past_retention(), delete_samples_past_retention()) == (1, 0)

    assert not TrainingSample.objects.exists()
    assert TrainingRun.objects.count() == 1
    assert not any("/samples/" in key for key in stored_files())
