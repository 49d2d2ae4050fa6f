from django.db import migrations

from apps.core.operations import KeepUpdatedAt


class Migration(migrations.Migration):
    dependencies = [("generation", "0001_initial")]

    operations = [KeepUpdatedAt("generation_job")]
