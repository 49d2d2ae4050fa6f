"""The pages of training as the server renders them: what is on them, and what they cost."""

from typing import Any

from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format

from apps.accounts.models import User
from apps.generation.models import Job, JobState
from apps.plans.models import Subscription
from apps.training.models import TrainingRun, TrainingSet
from apps.training.selectors import covers_of, list_pictures
from apps.training.services.runs import cancel_run
from apps.training.services.sets import add_pictures, write_captions
from tests.lora_training.factories import api_of, make_drawn_image, make_run, make_sample, make_set
from tests.queries import counted_queries


def test_the_list_shows_sets_and_trainings_at_one_price(
    browser_client: Client, trainer: User, discs: TrainingSet, settings: Any
) -> None:
    settings.EASEL_OPEN_TRAININGS_MAX = 4
    make_run(trainer, discs, name="First")
    browser_client.get("/training/")
    with counted_queries() as few:
        page = browser_client.get("/training/").content.decode()
    assert "Discs" in page
    assert "3 pictures" in page
    assert "First" in page
    for number in range(3):
        make_run(trainer, make_set(trainer, name=f"Set {number}"))
    with counted_queries() as many:
        page = browser_client.get("/training/").content.decode()

    assert page.count('class="set-card"') == page.count('class="run-row"') == 4
    assert len(many) == len(few)


def test_the_covers_are_the_first_pictures_and_no_other_is_read(trainer: User) -> None:
    first, second = make_set(trainer, pictures=6), make_set(trainer, pictures=2)
    ids = [first.id, second.id]

    with counted_queries() as queries:
        covers = covers_of(user=trainer, set_ids=ids, each=4)

    assert len(queries) == 1
    for found, expected in ((first, 4), (second, 2)):
        rows = list_pictures(user=trainer, set_id=found.id)[:4]
        assert [image.pk for image in covers[found.id]] == [row.image_id for row in rows]
        assert len(covers[found.id]) == expected
    with connection.cursor() as cursor:
        cursor.execute(queries[0])
        assert len(cursor.fetchall()) == 6


def test_a_set_shows_its_pictures_at_one_price(
    browser_client: Client, trainer: User, discs: TrainingSet
) -> None:
    large = make_set(trainer, pictures=8)
    browser_client.get(f"/training/sets/{discs.id}/")
    counts = []
    for found, pictures in ((discs, 3), (large, 8)):
        with counted_queries() as queries:
            page = browser_client.get(f"/training/sets/{found.id}/").content.decode()
        assert page.count('class="caption"') == pictures
        assert "a red disc" in page
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_a_prompt_that_is_longer_than_a_caption_is_suggested_as_far_as_it_fits(
    browser_client: Client, trainer: User
) -> None:
    found = make_set(trainer, pictures=0)
    image = make_drawn_image(trainer, prompt="a" * 999 + " " + "b" * 500)
    add_pictures(user=trainer, set_id=found.id, names=[image.image_name])
    write_captions(user=trainer, set_id=found.id, captions={image.image_name: ""})

    page = browser_client.get(f"/training/sets/{found.id}/").content.decode()
    (told,) = api_of(trainer).get(f"/api/v1/training/sets/{found.id}/images").json()

    assert 'data-suggested="' + "a" * 999 + ' "' in page
    assert told["suggested"] == "a" * 999


def test_a_training_that_is_done_offers_its_lora_to_the_studio(
    browser_client: Client, trainer: User, discs: TrainingSet
) -> None:
    run = make_run(trainer, discs)
    make_sample(run)
    path = f"/training/{run.id}/"
    assert 'id="use" href="/create/" hidden' in browser_client.get(path).content.decode()

    TrainingRun.objects.update(model_key="own-1")
    Job.objects.update(state=JobState.SUCCEEDED, finished_at=timezone.now())

    page = browser_client.get(path).content.decode()
    assert 'id="use" href="/create/">' in page
    assert f"/usage/receipts/{run.job_id}/" in page


def test_whoever_left_the_plan_still_sees_what_there_was_and_may_delete_it(
    browser_client: Client, trainer: User, discs: TrainingSet
) -> None:
    make_run(trainer, discs)
    Subscription.objects.filter(user=trainer, plan="enterprise").delete()

    page = browser_client.get("/training/").content.decode()
    assert "Training is not part of your plan" in page
    assert 'class="set-card"' in page
    assert "new-set" not in page
    page = browser_client.get(f"/training/sets/{discs.id}/").content.decode()
    assert 'id="train"' not in page
    assert 'id="delete-set"' in page


def test_a_running_training_is_learning_wherever_it_is_named(
    browser_client: Client, trainer: User, discs: TrainingSet
) -> None:
    run = make_run(trainer, discs)
    Job.objects.update(
        state=JobState.RUNNING,
        attempt=1,
        started_at=timezone.now(),
        lease_expires_at=timezone.now(),
    )

    for path in ("/training/", f"/training/{run.id}/"):
        page = browser_client.get(path).content.decode()
        assert ">Learning</" in page
        assert ">running</" not in page
    made = date_format(timezone.localtime(run.created_at), "DATETIME_FORMAT")
    assert made in browser_client.get("/training/").content.decode()


def test_the_queue_leads_from_a_training_to_where_its_price_is_shown(
    browser_client: Client, trainer: User, discs: TrainingSet
) -> None:
    run = make_run(trainer, discs)
    cancel_run(user=trainer, run_id=run.id)

    page = browser_client.get("/queue/").content.decode()

    assert 'href="/training/">Open Training<' in page
    assert 'value="retry"' not in page
    assert 'value="vary"' not in page
