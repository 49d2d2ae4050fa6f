from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0004_claim_function"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="api_key_id",
            field=models.UUIDField(blank=True, editable=False, null=True),
        ),
    ]
