from django.db import migrations

from apps.core.operations import KeepUpdatedAt


class Migration(migrations.Migration):
    dependencies = [("credits", "0001_initial")]

    operations = [KeepUpdatedAt("credits_usagerecord")]
