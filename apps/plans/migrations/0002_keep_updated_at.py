from django.db import migrations

from apps.core.operations import KeepUpdatedAt


class Migration(migrations.Migration):
    dependencies = [("plans", "0001_initial")]

    operations = [KeepUpdatedAt("plans_subscription")]
