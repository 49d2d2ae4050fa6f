"""Phrases that refuse a prompt before it costs anything."""

from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import Conflict, ErrorCode, Invalid
from apps.core.models import AuditRecord
from apps.credits.models import Hold
from apps.generation.content import job_digest
from apps.generation.models import ContentAppeal, Job, JobState
from apps.generation.services.appeals import appeal_refusal, decide_appeal
from tests.factories import make_job

URL = "/api/v1/generations"


@pytest.fixture
def phrases(tmp_path: Path, settings: Any, starter: GenerationModel) -> Path:
    del starter
    file = tmp_path / "phrases.txt"
    file.write_text("# not here\nbad thing\n나쁜 것  # Korean\n", encoding="utf-8")
    settings.EASEL_BLOCKED_PHRASES = file
    return file


@pytest.mark.parametrize(
    "prompt", ["a bad thing", "A BAD-THING!", "ｂａｄ thing", "아주 나쁜 것을 그려요"]
)
def test_a_blocked_phrase_is_refused_whatever_way_it_is_written(
    api: APIClient, phrases: Path, prompt: str
) -> None:
    del phrases
    for url, body in (
        (URL, {"prompt": prompt}),
        (f"{URL}/batch", {"generations": [{"prompt": "x"}, {"prompt": prompt}]}),
    ):
        response = api.post(url, body, format="json")

        assert (response.status_code, response.json()["code"]) == (403, "content_refused")
        assert "bad" not in response.json()["detail"]
    assert not Job.objects.exists()
    assert not Hold.objects.exists()


@pytest.mark.parametrize("prompt", ["a bad day, a thing", "things", "a red circle"])
def test_words_that_only_resemble_one_pass(api: APIClient, phrases: Path, prompt: str) -> None:
    del phrases
    assert api.post(URL, {"prompt": prompt}, format="json").status_code == 202


def test_a_changed_file_counts_at_once(api: APIClient, phrases: Path) -> None:
    phrases.write_text("circle\n", encoding="utf-8")

    assert api.post(URL, {"prompt": "a red circle"}, format="json").status_code == 403


def refused_job(user: User, starter: GenerationModel) -> Job:
    job = make_job(user, starter)
    Job.objects.filter(id=job.id).update(
        state=JobState.FAILED, error_code=ErrorCode.CONTENT_REFUSED, finished_at=job.created_at
    )
    return job


def test_only_a_refusal_can_be_appealed(user: User, starter: GenerationModel) -> None:
    job = make_job(user, starter)

    with pytest.raises(Conflict):
        appeal_refusal(user=user, job_id=job.id, reason="This was no refusal at all.")
    assert not ContentAppeal.objects.exists()


def test_a_decision_has_a_note_is_made_once_and_is_on_record(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    job = refused_job(user, starter)
    appeal = appeal_refusal(user=user, job_id=job.id, reason="It is a red circle.")
    with pytest.raises(Invalid):
        decide_appeal(appeal_id=appeal.id, staff=stranger, accept=True, note="ok")

    decide_appeal(appeal_id=appeal.id, staff=stranger, accept=False, note="It is not a circle.")

    with pytest.raises(Conflict):
        decide_appeal(appeal_id=appeal.id, staff=stranger, accept=True, note="It is a circle.")
    appeal.refresh_from_db()
    assert (appeal.state, appeal.decided_by) == ("rejected", stranger.id)
    acts = AuditRecord.objects.filter(user_id=user.id, target=str(job.id)).order_by("created_at")
    assert [act.act for act in acts] == ["appeal_made", "appeal_rejected"]


def test_what_others_make_is_told_apart_by_its_settings(
    user: User, starter: GenerationModel
) -> None:
    jobs = [make_job(user, starter, prompt=prompt) for prompt in ("a circle", "a square")]
    for job in jobs:
        job.work = {"models": [], "pictures": [], "terms": "the same"}

    assert job_digest(jobs[0]) != job_digest(jobs[1])
