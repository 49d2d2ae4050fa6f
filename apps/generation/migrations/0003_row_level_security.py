from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0002_keep_updated_at"),
        ("accounts", "0003_row_level_security"),
    ]

    operations = [
        EnableTenancy("generation_job"),
        GrantAccess("generation_job", web="SELECT, INSERT, UPDATE", worker="SELECT, UPDATE"),
    ]
