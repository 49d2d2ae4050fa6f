from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess


class Migration(migrations.Migration):
    dependencies = [
        ("images", "0002_keep_updated_at"),
        ("accounts", "0003_row_level_security"),
    ]

    operations = [
        EnableTenancy("images_image"),
        GrantAccess("images_image", web="SELECT, INSERT, UPDATE, DELETE", worker="SELECT, INSERT"),
    ]
