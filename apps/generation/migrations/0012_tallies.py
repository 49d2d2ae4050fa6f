from typing import Any

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models import Q

from apps.core.operations import ServiceOnly

TIERS = [
    ("basic", "Basic"),
    ("high_performance", "High performance"),
    ("dedicated", "Dedicated"),
]
STATES = [
    ("queued", "waiting"),
    ("running", "running"),
    ("succeeded", "done"),
    ("failed", "failed"),
    ("cancelled", "cancelled"),
]


def counts() -> models.Field[Any, Any]:
    return django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)


class Migration(migrations.Migration):
    dependencies = [("generation", "0011_hand_backs")]

    operations = [
        migrations.CreateModel(
            name="JobTally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tier", models.CharField(choices=TIERS, max_length=20)),
                ("model", models.CharField(max_length=64)),
                ("state", models.CharField(choices=STATES, max_length=16)),
                ("error_code", models.CharField(blank=True, max_length=32)),
                ("jobs", models.BigIntegerField(default=0)),
                ("compute_seconds", models.FloatField(default=0)),
                ("wait_seconds", models.FloatField(default=0)),
                ("waits", counts()),
                ("run_seconds", models.FloatField(default=0)),
                ("runs", counts()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tier", "model", "state", "error_code"),
                        name="generation_jobtally_kind",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TallyMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("until", models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=Q(("finished_at__isnull", False)),
                fields=["finished_at"],
                name="generation_job_ended",
            ),
        ),
        ServiceOnly("generation_jobtally"),
        ServiceOnly("generation_tallymark"),
    ]
