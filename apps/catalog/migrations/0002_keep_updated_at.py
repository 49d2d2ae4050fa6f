from django.db import migrations

from apps.core.operations import KeepUpdatedAt


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [KeepUpdatedAt("catalog_generationmodel")]
