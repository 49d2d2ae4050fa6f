from importlib import import_module

from django.db import migrations

from apps.core.operations import ReplaceServiceFunction

before = import_module("apps.generation.migrations.0013_claim_alike")

SIGNATURE = "easel_claim_alike(uuid, text, interval, integer)"
# Workflows and trainings only look like the generations that their sketches show.
CLAIM = before.CLAIM.replace(
    "AND worker = by_worker;", "AND worker = by_worker AND kind = 'generation';"
).replace(
    "IF head.id IS NULL OR head.batch_shape",
    "IF head.id IS NULL OR head.kind <> 'generation' OR head.batch_shape",
)


class Migration(migrations.Migration):
    dependencies = [("generation", "0020_kinds_of_jobs")]

    operations = [
        ReplaceServiceFunction(
            SIGNATURE,
            definition=CLAIM,
            callers=["worker"],
            replaces=SIGNATURE,
            replaced_definition=before.CLAIM,
        ),
    ]
