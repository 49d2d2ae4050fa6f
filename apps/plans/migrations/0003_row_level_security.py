from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess


class Migration(migrations.Migration):
    dependencies = [
        ("plans", "0002_keep_updated_at"),
        ("accounts", "0003_row_level_security"),
    ]

    operations = [
        EnableTenancy("plans_subscription"),
        GrantAccess("plans_subscription", web="SELECT"),
    ]
