from django.db import migrations, models

import apps.generation.models
from apps.core.tenancy import SERVICE_ROLE

# The oldest first, as they were before.
IN_ORDER = "UPDATE generation_job SET position = extract(epoch FROM created_at) * 1000000"


class Migration(migrations.Migration):
    dependencies = [("generation", "0005_api_key_id")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="batch_id",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="job",
            name="expected_seconds",
            field=models.FloatField(default=1.0),
        ),
        migrations.AddField(
            model_name="job",
            name="position",
            field=models.BigIntegerField(default=apps.generation.models.position_now),
        ),
        migrations.AddField(
            model_name="job",
            name="priority",
            field=models.CharField(
                choices=[("front", "front"), ("normal", "normal"), ("background", "background")],
                default="normal",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="job",
            name="pruned_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(
                    ("state", "queued"), models.Q(("priority", "background"), _negated=True)
                ),
                fields=["user", "tier", "position", "id"],
                name="generation_job_line",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("priority", "background"), ("state", "queued")),
                fields=["user", "tier", "position", "id"],
                name="generation_job_background",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("batch_id__isnull", False)),
                fields=["user", "batch_id"],
                name="generation_job_batch",
            ),
        ),
        migrations.RunSQL(
            [f"SET LOCAL ROLE {SERVICE_ROLE}", IN_ORDER, "SET LOCAL ROLE NONE"],
            migrations.RunSQL.noop,
        ),
    ]
