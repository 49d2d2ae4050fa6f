"""Why a job failed, in the words its user reads."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.core.errors import ErrorCode
from apps.generation.models import Job, JobState

# All that decides about these is fixed: whoever tries it again comes to the same end.
_LASTING = frozenset({ErrorCode.TRAINING_DIVERGED})

FAILURE_DETAILS: dict[ErrorCode, Promise] = {
    ErrorCode.OUT_OF_MEMORY: _(
        "The GPU ran out of memory. Try a smaller size or fewer pictures; this cost nothing."
    ),
    ErrorCode.MODEL_UNAVAILABLE: _(
        "The model could not be loaded. This is our fault and cost nothing; try another model."
    ),
    ErrorCode.STORAGE_UNAVAILABLE: _(
        "The pictures could not be stored. This is our fault and cost nothing; please try again."
    ),
    ErrorCode.WORKER_LOST: _(
        "The work was interrupted several times. This is our fault and cost nothing; "
        "please try again."
    ),
    ErrorCode.PLAN_PAUSED: _(
        "Your plan ended or was paused before the work began. This cost nothing."
    ),
    ErrorCode.MODEL_NOT_IN_PLAN: _(
        "Your plan does not include this model any more. This cost nothing."
    ),
    ErrorCode.LICENSE_REQUIRED: _(
        "The licence of a model does not allow this any more. This cost nothing."
    ),
    ErrorCode.MODEL_GONE: _(
        "A model of this job was deleted or switched off before the work began. This cost nothing."
    ),
    ErrorCode.INVALID: _(
        "The model cannot do this with these settings. Change them and try again; "
        "this cost nothing."
    ),
    ErrorCode.CONTENT_REFUSED: _(
        "The pictures were refused by the safety check and not kept. This cost nothing. "
        "If you think that this is wrong, you can appeal."
    ),
    ErrorCode.FEATURE_NOT_IN_PLAN: _(
        "Your plan does not include this any more. This cost nothing."
    ),
    ErrorCode.IMAGE_PROVIDER_TIMEOUT: _(
        "No answer of the image service reached us. This cost nothing here; please try again. "
        "With a key of your own, the service may bill you for it."
    ),
    ErrorCode.IMAGE_PROVIDER_LIMITED: _(
        "The image service takes no more requests from us just now. This cost nothing; "
        "please try again in a few minutes."
    ),
    ErrorCode.IMAGE_PROVIDER_REFUSED: _(
        "The image service refused this by its own rules. This cost nothing. "
        "Change the prompt or the pictures and try again."
    ),
    ErrorCode.IMAGE_PROVIDER_INVALID: _(
        "The image service does not take these settings. This cost nothing; "
        "change them and try again."
    ),
    ErrorCode.IMAGE_PROVIDER_UNAVAILABLE: _(
        "The image service failed, or could not be used by our key. This cost nothing here; "
        "please try again later."
    ),
    ErrorCode.IMAGE_PROVIDER_KEY_MISSING: _(
        "Your own key at the image service was deleted before the work began. This cost nothing."
    ),
    ErrorCode.IMAGE_PROVIDER_KEY_REJECTED: _(
        "The image service does not accept your own key, or your key may not do this. This cost "
        "nothing. Save another key in the settings."
    ),
    ErrorCode.IMAGE_PROVIDER_KEY_LIMITED: _(
        "The image service limits how much may be asked for by your own key in a short time. This "
        "cost nothing; please try again in a few minutes."
    ),
    ErrorCode.IMAGE_PROVIDER_KEY_EMPTY: _(
        "Your account at the image service has no credit left, or has reached its own limit. This "
        "cost nothing here. Add credit there and try again."
    ),
    ErrorCode.NOT_FOUND: _("A picture that this job needs is no longer there."),
    ErrorCode.TRAINING_DIVERGED: _(
        "The training went wrong: its loss was no number any more. Try a lower learning rate; "
        "this cost nothing."
    ),
    ErrorCode.INTERNAL: _("Something went wrong on our side. This cost nothing; please try again."),
}


def can_be_tried_again(job: Job) -> bool:
    """Say whether a job has ended without all that was asked for, and may end otherwise."""
    if job.state == JobState.FAILED:
        return job.error_code not in _LASTING
    return job.state == JobState.CANCELLED


def failure_detail(code: str) -> str:
    """Return the sentence for a job's `error_code` in the active language."""
    try:
        return str(FAILURE_DETAILS[ErrorCode(code)])
    except (KeyError, ValueError):
        return str(FAILURE_DETAILS[ErrorCode.INTERNAL])
