from importlib import import_module

from django.db import migrations

from apps.core.tenancy import SERVICE_ROLE

before = import_module("apps.generation.migrations.0008_keep_lanes")

_DECLARED = "    took double precision := 0;\n"
_PROVIDED = """    is_provided boolean := coalesce(coalesce(NEW.work, OLD.work) ? 'terms', false);
"""
_BEGUN = "lane.served_seconds := lane.served_seconds + NEW.expected_seconds;"
_TOOK = "IF NOT is_queued AND TG_OP = 'UPDATE' THEN"
_ENDED = "- easel_faded(OLD.expected_seconds, OLD.started_at, moment));"


def _without_provided(body: str) -> str:
    """Count nothing for a job whose pictures another service makes: it takes no GPU."""
    for old, new in (
        (_DECLARED, _DECLARED + _PROVIDED),
        (_BEGUN, _BEGUN.replace("NEW.", "(NOT is_provided)::integer * NEW.")),
        (_TOOK, _TOOK.replace(" THEN", " AND NOT is_provided THEN")),
        (_ENDED, _ENDED.replace("OLD.exp", "(NOT is_provided)::integer * OLD.exp")),
    ):
        body = body.replace(old, new)
    return body


def _put_in_place(body: str) -> tuple[str, ...]:
    return (
        f"GRANT CREATE ON SCHEMA public TO {SERVICE_ROLE}",
        f"SET LOCAL ROLE {SERVICE_ROLE}",
        (
            "CREATE OR REPLACE FUNCTION easel_keep_lane() RETURNS trigger LANGUAGE plpgsql"
            f" SECURITY DEFINER SET search_path = public, pg_temp AS $${body}$$"
        ),
        "SET LOCAL ROLE NONE",
        f"REVOKE CREATE ON SCHEMA public FROM {SERVICE_ROLE}",
    )


class Migration(migrations.Migration):
    dependencies = [("generation", "0022_unwanted_models")]

    operations = [
        migrations.RunSQL(_put_in_place(_without_provided(before.KEEP)), _put_in_place(before.KEEP))
    ]
