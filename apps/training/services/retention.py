"""Delete the samples of those who are on no plan for too long, as their pictures are."""

from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.core.storage import file_store
from apps.core.tenancy import service_scope
from apps.plans.retention import ended_plans_past_retention, lock_end_of_plan
from apps.training.models import TrainingSample
from apps.training.storage import sample_key

USERS_A_SWEEP = 100


def delete_samples_past_retention() -> int:
    """Delete the samples of users who are on no plan for too long; return how many."""
    with service_scope("find samples past retention"):
        theirs = TrainingSample.objects.filter(user=OuterRef("user"))
        found = list(ended_plans_past_retention().filter(Exists(theirs))[:USERS_A_SWEEP])
    deleted = 0
    for plan in found:
        with service_scope("delete samples past retention"):
            # Whoever came back meanwhile keeps them.
            if lock_end_of_plan(user_id=plan.user_id):
                samples = list(
                    TrainingSample.objects.filter(user=plan.user_id).select_for_update(of=("self",))
                )
                keys = [
                    sample_key(user_id=each.user_id, run_id=each.run_id, name=each.name)
                    for each in samples
                ]
                TrainingSample.objects.filter(id__in=[each.id for each in samples]).delete()
                transaction.on_commit(partial(file_store.delete_many, keys), robust=True)
                deleted += len(samples)
    return deleted
