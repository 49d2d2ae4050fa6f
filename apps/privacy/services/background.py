"""Work off one request at a time."""

import structlog
from django.db import DatabaseError

from apps.privacy.models import RequestKind
from apps.privacy.services.deletions import run_deletion
from apps.privacy.services.exports import run_export
from apps.privacy.services.requests import claim_next_request, fail_request

logger = structlog.get_logger(__name__)

_WORK = {RequestKind.EXPORT: run_export, RequestKind.DELETION: run_deletion}


def run_next_request() -> int:
    """Claim a request and bring it to its end; return how many were, 0 or 1.

    Raises:
        DatabaseError, OSError: a part is away; the request is taken up again later.
    """
    request = claim_next_request()
    if request is None:
        return 0
    try:
        _WORK[RequestKind(request.kind)](request)
    except (DatabaseError, OSError):
        raise
    except Exception:
        error_id = fail_request(request)
        logger.exception("data_request_failed", request_id=str(request.id), error_id=error_id)
    return 1
