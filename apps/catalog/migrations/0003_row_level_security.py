from django.db import migrations

from apps.core.operations import GrantAccess


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_keep_updated_at")]

    # The models that every tenant shares.
    operations = [GrantAccess("catalog_generationmodel", web="SELECT", worker="SELECT")]
