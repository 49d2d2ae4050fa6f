import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.core.operations import EnableTenancy, GrantAccess, KeepUpdatedAt


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0003_row_level_security"),
    ]

    operations = [
        migrations.CreateModel(
            name="DataRequest",
            fields=[
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("export", "export of all data"),
                            ("deletion", "deletion of the account"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("running", "running"),
                            ("done", "done"),
                            ("failed", "failed"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("done", models.PositiveIntegerField(default=0)),
                ("total", models.PositiveIntegerField(default=0)),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("file_key", models.CharField(blank=True, max_length=255)),
                ("file_size_bytes", models.PositiveBigIntegerField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("error_id", models.CharField(blank=True, max_length=32)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["user", "-created_at", "-id"], name="privacy_request_user_newest"
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ["running", "waiting"])),
                        fields=["created_at"],
                        name="privacy_request_open",
                    ),
                    models.Index(
                        condition=models.Q(("file_key", ""), _negated=True),
                        fields=["expires_at"],
                        name="privacy_request_expiring",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["running", "waiting"])),
                        fields=("user", "kind"),
                        name="privacy_one_open_request_of_a_kind",
                    )
                ],
            },
        ),
        KeepUpdatedAt("privacy_datarequest"),
        EnableTenancy("privacy_datarequest"),
        GrantAccess("privacy_datarequest", web="SELECT, INSERT, UPDATE"),
    ]
