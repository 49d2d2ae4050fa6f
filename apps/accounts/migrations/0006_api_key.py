import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.core.operations import EnableTenancy, GrantAccess, KeepUpdatedAt, ServiceFunction

# Finds whose key it is and makes the rest of the transaction that user's, in one round trip.
ENTER_BY_KEY = """
easel_enter_by_key(secret_digest text) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    found uuid;
BEGIN
    SELECT user_id INTO found FROM accounts_apikey
    WHERE digest = secret_digest AND revoked_at IS NULL;
    IF found IS NOT NULL THEN
        PERFORM set_config('app.current_user_id', found::text, true);
    END IF;
    RETURN found;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_session_generation"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("hint", models.CharField(editable=False, max_length=16)),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("read", "See pictures, jobs and models"),
                                ("generate", "Make pictures, cancel jobs, upload"),
                                ("manage", "Delete pictures, manage keys and the account"),
                            ],
                            max_length=16,
                        ),
                        size=None,
                    ),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("monthly_credit_cap", models.PositiveIntegerField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
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
                    models.Index(fields=["user", "-created_at"], name="accounts_api_key_user")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("scopes__len__gt", 0),
                            ("scopes__contained_by", ["generate", "manage", "read"]),
                        ),
                        name="accounts_api_key_scopes_known",
                    )
                ],
            },
        ),
        KeepUpdatedAt("accounts_apikey"),
        EnableTenancy("accounts_apikey"),
        GrantAccess("accounts_apikey", web="SELECT, INSERT, UPDATE"),
        ServiceFunction("easel_enter_by_key(text)", definition=ENTER_BY_KEY, callers=["web"]),
    ]
