import uuid

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

from apps.core.operations import EnableTenancy, GrantAccess, KeepUpdatedAt, ServiceFunction

# All that a user may know of the others in a tier: how many there are, and how busy it is.
RIVALS = """
easel_rivals(owner uuid, in_tier text)
RETURNS TABLE (before bigint, active bigint, running bigint, mean_seconds double precision)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF owner IS DISTINCT FROM nullif(current_setting('app.current_user_id', true), '')::uuid
        AND current_setting('role') <> 'easel_service' THEN
        RAISE insufficient_privilege USING MESSAGE = 'this is the queue of another user';
    END IF;
    RETURN QUERY SELECT
        count(*) FILTER (WHERE rival.is_due AND rival.served_rank < (
            SELECT own.served_rank FROM generation_lane own
            WHERE own.user_id = owner AND own.tier = in_tier)),
        count(*),
        coalesce(sum(rival.running), 0)::bigint,
        coalesce(sum(rival.waiting_seconds) / nullif(sum(rival.waiting), 0), 0)::double precision
    FROM generation_lane rival
    WHERE rival.tier = in_tier AND rival.is_active AND rival.user_id <> owner;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0006_queue_order"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Lane",
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
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tier",
                    models.CharField(
                        choices=[
                            ("basic", "Basic"),
                            ("high_performance", "High performance"),
                            ("dedicated", "Dedicated"),
                        ],
                        max_length=20,
                    ),
                ),
                ("waiting", models.PositiveIntegerField(default=0)),
                ("waiting_seconds", models.FloatField(default=0)),
                ("waiting_background", models.PositiveIntegerField(default=0)),
                ("running", models.PositiveIntegerField(default=0)),
                ("running_elsewhere", models.PositiveIntegerField(default=0)),
                ("parallel_limit", models.PositiveIntegerField(blank=True, null=True)),
                ("served_seconds", models.FloatField(default=0)),
                ("served_at", models.DateTimeField()),
                ("served_rank", models.FloatField()),
                ("passed_at", models.DateTimeField(blank=True, null=True)),
                ("paused_at", models.DateTimeField(blank=True, null=True)),
                (
                    "is_due",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Q(  # type: ignore[arg-type]
                            ("paused_at__isnull", True),
                            ("waiting__gt", 0),
                            models.Q(
                                ("parallel_limit__isnull", True),
                                (
                                    "parallel_limit__gt",
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("running"), "+", models.F("running_elsewhere")
                                    ),
                                ),
                                _connector="OR",
                            ),
                        ),
                        output_field=models.BooleanField(),
                    ),
                ),
                (
                    "is_background_due",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Q(  # type: ignore[arg-type]
                            ("paused_at__isnull", True),
                            ("waiting_background__gt", 0),
                            models.Q(
                                ("parallel_limit__isnull", True),
                                (
                                    "parallel_limit__gt",
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("running"), "+", models.F("running_elsewhere")
                                    ),
                                ),
                                _connector="OR",
                            ),
                        ),
                        output_field=models.BooleanField(),
                    ),
                ),
                (
                    "is_active",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Q(  # type: ignore[arg-type]
                            ("paused_at__isnull", True),
                            models.Q(("waiting__gt", 0), ("running__gt", 0), _connector="OR"),
                        ),
                        output_field=models.BooleanField(),
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_due", True)),
                        fields=["tier", "served_rank"],
                        name="generation_lane_due",
                    ),
                    models.Index(
                        condition=models.Q(("is_background_due", True)),
                        fields=["tier", "served_rank"],
                        name="generation_lane_background",
                    ),
                    models.Index(
                        condition=models.Q(("is_active", True)),
                        fields=["tier", "served_rank"],
                        name="generation_lane_active",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("user", "tier"), name="generation_lane_of_user")
                ],
            },
        ),
        KeepUpdatedAt("generation_lane"),
        EnableTenancy("generation_lane"),
        # Written by functions and triggers of the service role alone.
        GrantAccess("generation_lane", web="SELECT", worker="SELECT"),
        ServiceFunction("easel_rivals(uuid, text)", definition=RIVALS, callers=["web"]),
    ]
