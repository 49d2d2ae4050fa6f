from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generation", "0019_traceparent")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="kind",
            field=models.CharField(
                choices=[
                    ("generation", "pictures"),
                    ("workflow", "workflow"),
                    ("training", "training"),
                ],
                db_default="generation",
                default="generation",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="job",
            name="work",
            field=models.JSONField(blank=True, null=True),
        ),
    ]
