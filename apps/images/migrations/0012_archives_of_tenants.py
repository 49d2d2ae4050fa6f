from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess, KeepUpdatedAt


class Migration(migrations.Migration):
    dependencies = [("images", "0011_archives")]

    operations = [
        KeepUpdatedAt("images_archive"),
        EnableTenancy("images_archive"),
        GrantAccess("images_archive", web="SELECT, INSERT, UPDATE, DELETE"),
    ]
