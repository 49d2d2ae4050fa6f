from django.db import migrations

from apps.core.operations import ServiceTrigger

# A foreign key does not look at policies, and one with the user in it would refuse what all share.
MODEL_OF_TENANT = """
BEGIN
    IF NOT EXISTS (
        SELECT FROM catalog_generationmodel model
        WHERE model.key = NEW.model_id AND (model.user_id IS NULL OR model.user_id = NEW.user_id)
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'the model of a job is neither shared nor its user''s';
    END IF;
    RETURN NULL;
END
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0005_rows_of_tenants"),
        ("generation", "0014_watch_leases"),
    ]

    operations = [
        ServiceTrigger(
            "easel_model_of_tenant",
            table="generation_job",
            on="INSERT OR UPDATE OF model_id, user_id",
            body=MODEL_OF_TENANT,
        ),
    ]
