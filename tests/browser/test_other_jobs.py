"""Jobs of other kinds on the Create page: none of them is bought anew as a plain generation."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.events import Progress, publisher
from apps.generation.models import Job, JobKind, JobState
from apps.generation.selectors import save_progress
from apps.generation.services.jobs import cancel_job
from apps.generation.services.queue import pause_queue
from apps.images.models import Image
from apps.workflows.services.runs import start_run
from tests.browser.studio import Studio
from tests.factories import make_image, make_job
from tests.workflows.documents import plain_document

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_workflow_is_made_anew_as_itself_and_a_training_leads_to_its_page(
    studio: Studio, transactional_user: User, starter: GenerationModel
) -> None:
    user = transactional_user
    pause_queue(user=user)
    ended, done = (start_run(user=user, document=plain_document()) for _ in range(2))
    cancel_job(user=user, job_id=ended.id)
    Job.objects.filter(id=done.id).update(state=JobState.SUCCEEDED, finished_at=timezone.now())
    image = make_image(user, prompt="a red circle", seed=7)
    Image.objects.filter(image_name=image.image_name).update(session_id=done.id)
    training = make_job(user, starter, prompt="a training")
    Job.objects.filter(id=training.id).update(
        kind=JobKind.TRAINING, work={"models": [], "pictures": []}
    )
    page = studio.page
    studio.open("/create/")

    expect(page.locator("#stage-picture")).to_be_visible()
    expect(page.get_by_role("link", name="Open its workflow")).to_have_attribute(
        "href", f"/workflows/new/?image={image.image_name}"
    )
    for act in ("vary", "again", "useSettings"):
        expect(page.locator(f'#stage [data-act="{act}"]')).to_have_count(0)
    page.locator("#main").focus()
    page.keyboard.press("a")
    # Nobody wrote what stands for a workflow as its prompt.
    studio.prompt.press("Alt+ArrowUp")
    expect(studio.prompt).to_have_value("")

    page.locator('#strip [data-state="cancelled"]').click()
    with page.expect_response(f"**/api/v1/generations/{ended.id}/retry"):
        page.get_by_role("button", name="Make it again").click()
    expect(page.locator("#strip .strip__job")).to_have_count(3)
    kinds = list(Job.objects.order_by("created_at").values_list("kind", flat=True))
    assert kinds == ["workflow", "workflow", "training", "workflow"]

    expect(page.locator("#queue-counts")).to_contain_text("2 waiting")
    now = timezone.now()
    Job.objects.filter(id=training.id).update(
        state=JobState.RUNNING, started_at=now, attempt=1, lease_expires_at=now + timedelta(hours=1)
    )
    page.locator("#queue-toggle").click()
    bar = page.locator("#queue-list progress")
    expect(bar).to_have_attribute("value", "0")
    far: Progress = {"step": 4, "total": 10, "percent": 40, "seconds_left": None, "preview": None}
    save_progress(job_id=training.id, progress=far)
    publisher.publish(
        user.id, {"type": "progress", "job_id": str(training.id), "attempt": 1, **far}
    )
    expect(bar).to_have_js_property("value", 40)
    page.locator(".backlog__about", has_text="a training").click()
    page.wait_for_url("**/training/")
    studio.settle()
