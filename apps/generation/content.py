"""What is not made here: words that refuse a prompt, and appeals that clear what was refused."""

import hashlib
import json
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from apps.core.errors import ErrorCode, Forbidden
from apps.core.tenancy import tenant_scope
from apps.generation.models import AppealState, ContentAppeal, Job, JobKind
from apps.generation.parameters import GenerationParameters


def settings_digest(parameters: GenerationParameters, *, model_key: str) -> str:
    """Return a digest of all that decides about the pictures of a generation."""
    canonical = json.dumps([model_key, parameters.to_json()], sort_keys=True)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def job_digest(job: Job) -> str:
    """Return a digest of all that decides about the pictures of a job."""
    if job.kind == JobKind.GENERATION:
        return settings_digest(job.settings, model_key=job.model_id)
    work = job.work or {}
    # Of other work a kind may have told itself what decides: the rest differs from run to run.
    canonical = json.dumps([job.kind, work.get("digest", work)], sort_keys=True)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def is_cleared(job: Job) -> bool:
    """Tell whether an appeal of the job's user has cleared its very settings."""
    digest = job_digest(job)
    with tenant_scope(job.user_id):
        return ContentAppeal.objects.filter(
            user=job.user_id, digest=digest, state=AppealState.ACCEPTED
        ).exists()


def check_words(parameters: Iterable[GenerationParameters]) -> None:
    """Do nothing if no prompt has a blocked phrase.

    Raises:
        Forbidden: one has; which phrase it was is not told.
    """
    phrases = blocked_phrases()
    if not phrases:
        return
    for each in parameters:
        texts = (each.prompt, *(region.prompt for region in each.regions))
        for text in texts:
            words = f" {_plain(text)} "
            if any(phrase in words for phrase in phrases):
                raise Forbidden(
                    _("This prompt asks for something that is not made here. Please change it."),
                    code=ErrorCode.CONTENT_REFUSED,
                )


def blocked_phrases() -> tuple[str, ...]:
    """Return the phrases of the file that the setting names, one a line; "#" begins a comment."""
    path = settings.EASEL_BLOCKED_PHRASES
    if not path:
        return ()
    return _read(Path(path), Path(path).stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read(path: Path, changed_at: int) -> tuple[str, ...]:
    del changed_at  # a file that was changed is read anew
    lines = (line.split("#", 1)[0] for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(_bounded(phrase) for line in lines if (phrase := _plain(line)))


def _bounded(phrase: str) -> str:
    # Whole words, but in Korean particles stick to them, and Chinese has no spaces.
    return f" {phrase} " if phrase.isascii() else phrase


def _plain(text: str) -> str:
    """Return the words of a text alone, so that neither case nor punctuation hides one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())
