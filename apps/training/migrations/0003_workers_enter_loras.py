from django.db import migrations

TABLE = "catalog_generationmodel"


class Migration(migrations.Migration):
    """A worker enters what it has trained, as the user whose job it is: no shared model."""

    dependencies = [
        ("training", "0002_row_level_security"),
        ("catalog", "0007_installs_of_tenants"),
    ]

    operations = [
        migrations.RunSQL(
            f'GRANT INSERT ON "{TABLE}" TO easel_worker',
            f'REVOKE INSERT ON "{TABLE}" FROM easel_worker',
        ),
    ]
