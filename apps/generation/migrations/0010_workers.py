import django.contrib.postgres.fields
from django.db import migrations, models

from apps.core.operations import GrantAccess, ServiceFunction, ServiceOnly

TIERS = [
    ("basic", "Basic"),
    ("high_performance", "High performance"),
    ("dedicated", "Dedicated"),
]
# A worker writes through this function alone, and not the row of another process that lives
# under the same name. NULL says that there is one; else come the tiers it is to claim nothing of.
REPORT = """
easel_report_worker(facts jsonb) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    told generation_worker := jsonb_populate_record(NULL::generation_worker, facts);
BEGIN
    told.seen_at := clock_timestamp();
    INSERT INTO generation_worker AS known SELECT (told).*
    ON CONFLICT (name) DO UPDATE SET
        run = told.run,
        tiers = told.tiers,
        gpu = told.gpu,
        memory_total_bytes = told.memory_total_bytes,
        memory_used_bytes = told.memory_used_bytes,
        rss_bytes = told.rss_bytes,
        loaded_models = told.loaded_models,
        current_job = told.current_job,
        state = told.state,
        last_received_at = told.last_received_at,
        started_at = told.started_at,
        seen_at = told.seen_at,
        version = told.version
    WHERE known.run = told.run
        OR known.state = 'gone'
        OR known.seen_at < told.seen_at - interval '20 seconds';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(
        SELECT tier FROM unnest(told.tiers) tier
        WHERE EXISTS (
            SELECT FROM generation_drainorder word
            WHERE (word.scope = 'worker' AND word.target = told.name)
                OR (word.scope = 'tier' AND word.target = tier)
        )
    );
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("generation", "0009_claim_by_lane")]

    operations = [
        migrations.CreateModel(
            name="Worker",
            fields=[
                ("name", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("run", models.UUIDField()),
                (
                    "tiers",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(choices=TIERS, max_length=20), size=None
                    ),
                ),
                ("gpu", models.CharField(max_length=100)),
                ("memory_total_bytes", models.BigIntegerField(blank=True, null=True)),
                ("memory_used_bytes", models.BigIntegerField(blank=True, null=True)),
                ("rss_bytes", models.BigIntegerField(blank=True, null=True)),
                (
                    "loaded_models",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), size=None
                    ),
                ),
                ("current_job", models.UUIDField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("idle", "idle"),
                            ("busy", "busy"),
                            ("draining", "taking no jobs"),
                            ("gone", "gone"),
                        ],
                        max_length=16,
                    ),
                ),
                ("last_received_at", models.DateTimeField(blank=True, null=True)),
                ("started_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("version", models.CharField(max_length=32)),
            ],
        ),
        migrations.CreateModel(
            name="DrainOrder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[("worker", "one worker"), ("tier", "a tier")], max_length=16
                    ),
                ),
                ("target", models.CharField(max_length=100)),
                ("since", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("scope", "target"), name="generation_drainorder_once"
                    )
                ],
            },
        ),
        # Pages tell whether anybody works on a tier, and no more.
        GrantAccess("generation_worker", web="SELECT (tiers, state, seen_at)"),
        ServiceOnly("generation_drainorder"),
        ServiceFunction("easel_report_worker(jsonb)", definition=REPORT, callers=["worker"]),
    ]
