from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess


class Migration(migrations.Migration):
    dependencies = [
        ("credits", "0002_keep_updated_at"),
        ("accounts", "0003_row_level_security"),
    ]

    operations = [
        EnableTenancy("credits_usagerecord"),
        GrantAccess("credits_usagerecord", web="SELECT", worker="INSERT"),
    ]
