"""Delete an account: its files and rows go, what the books need stays without a name."""

import uuid

import structlog
from django.db.models import Q
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from apps.accounts.services.users import close_account
from apps.core.audit import record_act
from apps.core.models import Act
from apps.core.storage import file_store
from apps.core.tenancy import service_scope
from apps.privacy.models import DataRequest
from apps.privacy.selectors import tenant_models, user_prefixes
from apps.privacy.services.requests import finish_request, report_progress
from apps.privacy.traces import cached_keys

logger = structlog.get_logger(__name__)

FILES_A_BATCH = 1000


def run_deletion(request: DataRequest) -> None:
    """Delete what a user has, then close the account, then delete what came meanwhile.

    The user's row stays without anything that names a person: the ledger refers to it.
    """
    _delete_files(request)
    with service_scope("delete an account"):
        close_account(user_id=request.user_id)
        _delete_rows(request.user_id)
        record_act(act=Act.ACCOUNT_DELETED, user_id=request.user_id, actor_id=request.user_id)
    _delete_files(request)
    _forget_cached(request.user_id)
    finish_request(request)


def _delete_files(request: DataRequest) -> None:
    folders = user_prefixes(request.user_id)
    keys = [key for folder in folders for key, _written_at in file_store.walk(folder)]
    for start in range(0, len(keys), FILES_A_BATCH):
        batch = keys[start : start + FILES_A_BATCH]
        file_store.delete_many(batch)
        report_progress(request, done=start + len(batch), total=len(keys))


def _forget_cached(user_id: uuid.UUID) -> None:
    try:
        keys = cached_keys(user_id=user_id)
        if keys:
            get_redis_connection("default").unlink(*keys)
    except RedisError as error:
        # What is kept there ends by itself within hours.
        logger.warning("cached_keys_left", user_id=str(user_id), error=str(error))


def _delete_rows(user_id: uuid.UUID) -> None:
    for model in tenant_models():
        if not model.outlives_account:
            model._default_manager.filter(Q(("user", user_id))).delete()
