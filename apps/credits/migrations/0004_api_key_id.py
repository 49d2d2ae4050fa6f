from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("credits", "0003_row_level_security"),
    ]

    operations = [
        migrations.AddField(
            model_name="usagerecord",
            name="api_key_id",
            field=models.UUIDField(blank=True, editable=False, null=True),
        ),
    ]
