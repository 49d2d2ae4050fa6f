from django.db import migrations

from apps.core.operations import KeepUpdatedAt


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [KeepUpdatedAt("accounts_user")]
