from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess, GuardColumns, KeepUpdatedAt


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_installs")]

    operations = [
        KeepUpdatedAt("catalog_modelinstall"),
        EnableTenancy("catalog_modelinstall"),
        GrantAccess("catalog_modelinstall", web="SELECT, INSERT, UPDATE, DELETE"),
        # What becomes everybody's is the service role's to begin.
        GuardColumns("catalog_modelinstall", ["is_shared"]),
    ]
