from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess, KeepUpdatedAt


class Migration(migrations.Migration):
    dependencies = [("providers", "0001_initial")]

    operations = [
        KeepUpdatedAt("providers_providerkey"),
        KeepUpdatedAt("providers_providercall"),
        EnableTenancy("providers_providerkey"),
        EnableTenancy("providers_providercall"),
        # Workers have no right on the keys; the next migration lets them have one of a job at hand.
        GrantAccess("providers_providerkey", web="SELECT, INSERT, UPDATE, DELETE"),
        GrantAccess("providers_providercall", web="SELECT", worker="SELECT, INSERT, UPDATE"),
    ]
