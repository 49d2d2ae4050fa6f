from django.db import migrations

from apps.core.operations import ServiceFunction

# What a worker may write into the record: that a LoRA of the user whose job it is at was trained.
RECORD = """
easel_record_lora(model_key text) RETURNS void
LANGUAGE sql VOLATILE AS $$
    INSERT INTO core_auditrecord (id, user_id, actor_id, act, target, request_id, created_at)
    SELECT gen_random_uuid(), user_id, user_id, 'model_installed', key, '', clock_timestamp()
    FROM catalog_generationmodel
    WHERE key = model_key AND source = 'training'
        AND user_id = nullif(current_setting('app.current_user_id', true), '')::uuid
$$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0004_workers_count_storage"),
        ("catalog", "0007_installs_of_tenants"),
        ("core", "0004_acts_of_the_catalog"),
    ]

    operations = [ServiceFunction("easel_record_lora(text)", definition=RECORD, callers=["worker"])]
