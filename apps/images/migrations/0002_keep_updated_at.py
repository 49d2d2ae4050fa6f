from django.db import migrations

from apps.core.operations import KeepUpdatedAt


class Migration(migrations.Migration):
    dependencies = [("images", "0001_initial")]

    operations = [KeepUpdatedAt("images_image")]
