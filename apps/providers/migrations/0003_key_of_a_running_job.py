from django.db import migrations

from apps.core.operations import ServiceFunction

# What a worker may learn of users' keys: the one that a job asks for which it holds, while it
# holds it, still encrypted. The tenant is asked for too, so that a worker at one user's job does
# not reach into another's.
KEY = """
easel_provider_key(of_job uuid, of_attempt integer) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT key.sealed
    FROM generation_job job
    JOIN providers_providerkey key
        ON key.user_id = job.user_id AND key.provider = job.work -> 'terms' ->> 'provider'
    WHERE job.id = of_job AND job.attempt = of_attempt AND job.state = 'running'
        AND job.lease_expires_at > clock_timestamp()
        AND job.work -> 'terms' ->> 'key_owner' = 'own'
        AND job.user_id = nullif(current_setting('app.current_user_id', true), '')::uuid
$$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0002_row_level_security"),
        ("generation", "0020_kinds_of_jobs"),
    ]

    operations = [
        ServiceFunction("easel_provider_key(uuid, integer)", definition=KEY, callers=["worker"])
    ]
