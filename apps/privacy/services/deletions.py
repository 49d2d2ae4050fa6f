"""Delete an account: its files and rows go, what the books need stays without a name."""

import uuid

from django.db.models import Q

from apps.accounts.services.users import close_account
from apps.core.audit import record_act
from apps.core.models import Act
from apps.core.storage import file_store
from apps.core.tenancy import service_scope
from apps.privacy.models import DataRequest
from apps.privacy.selectors import tenant_models, user_prefixes
from apps.privacy.services.requests import finish_request, report_progress

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
    finish_request(request)


def _delete_files(request: DataRequest) -> None:
    folders = user_prefixes(request.user_id)
    keys = [key for folder in folders for key, _written_at in file_store.walk(folder)]
    for start in range(0, len(keys), FILES_A_BATCH):
        batch = keys[start : start + FILES_A_BATCH]
        file_store.delete_many(batch)
        report_progress(request, done=start + len(batch), total=len(keys))


def _delete_rows(user_id: uuid.UUID) -> None:
    for model in tenant_models():
        if not model.outlives_account:
            model._default_manager.filter(Q(("user", user_id))).delete()
