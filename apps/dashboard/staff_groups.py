"""The groups of staff: who looks after people, who after money, and who after machines."""

from typing import Any, Final

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

# What each group may do in the admin, as "app.codename"; superusers may do everything.
STAFF_GROUPS: Final = {
    "support": (
        "accounts.view_user",
        "accounts.change_user",
        "core.view_auditrecord",
        "credits.view_grant",
        "credits.view_hold",
        "credits.view_posting",
        "generation.view_job",
        "generation.change_job",
        "generation.view_contentappeal",
        "generation.change_contentappeal",
        "images.view_image",
        "plans.view_subscription",
        "plans.view_testergrant",
    ),
    "operations": (
        "accounts.view_user",
        "catalog.view_generationmodel",
        "catalog.add_generationmodel",
        "catalog.change_generationmodel",
        "catalog.view_modelinstall",
        "core.view_auditrecord",
        "generation.view_job",
        "generation.change_job",
        "generation.view_worker",
        "generation.change_worker",
        "workflows.view_stylepreset",
        "workflows.change_stylepreset",
        "workflows.view_workflow",
    ),
    "billing": (
        "accounts.view_user",
        "core.view_auditrecord",
        "credits.view_grant",
        "credits.add_grant",
        "credits.view_hold",
        "credits.view_posting",
        "credits.view_usagerecord",
        "plans.view_billingaccount",
        "plans.view_payment",
        "plans.view_paymentreversal",
        "plans.view_subscription",
        "plans.add_subscription",
        "plans.change_subscription",
        "plans.view_testergrant",
        "plans.add_testergrant",
        "plans.change_testergrant",
    ),
}


def sync_staff_groups(**_: Any) -> None:
    """Make the groups and give each exactly its permissions; runs after every migration.

    Raises:
        LookupError: a permission named here does not exist.
    """
    for name, wanted in STAFF_GROUPS.items():
        query = Q()
        for permission in wanted:
            app, codename = permission.split(".")
            query |= Q(content_type__app_label=app, codename=codename)
        found = list(Permission.objects.filter(query))
        if len(found) != len(wanted):
            raise LookupError(f"The group {name} names a permission that does not exist.")
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.set(found)
