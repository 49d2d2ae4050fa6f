from django.db import migrations

from apps.core.operations import EnableTenancy
from apps.core.tenancy import SERVICE_ROLE

TABLE = "catalog_generationmodel"
# What all share is read by everybody who serves users, and written by none of them.
SHARED = f"""
CREATE POLICY shared ON "{TABLE}" FOR SELECT TO easel_ops, easel_web, easel_worker
USING (user_id IS NULL)
"""
# Whoever could write that a licence is there could use any model in production.
GUARD = f"""
CREATE FUNCTION {TABLE}_guard_license() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> '{SERVICE_ROLE}'
        AND current_user <> (SELECT tableowner FROM pg_tables WHERE tablename = '{TABLE}')
        AND (
            (TG_OP = 'INSERT' AND NEW.license_recorded_at IS NOT NULL)
            OR (TG_OP = 'UPDATE' AND (
                (NEW.license_recorded_at, NEW.license_recorded_by, NEW.commercial_use)
                IS DISTINCT FROM
                (OLD.license_recorded_at, OLD.license_recorded_by, OLD.commercial_use)
            ))
        )
    THEN
        RAISE insufficient_privilege USING MESSAGE = 'only the service role records a licence';
    END IF;
    RETURN NEW;
END
$$
"""  # noqa: S608  # nosec B608 (constants)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_kinds_and_owners")]

    operations = [
        EnableTenancy(TABLE),
        migrations.RunSQL(SHARED, f'DROP POLICY shared ON "{TABLE}"'),
        # Reading has been granted before.
        migrations.RunSQL(
            f'GRANT INSERT, UPDATE, DELETE ON "{TABLE}" TO easel_web',
            f'REVOKE INSERT, UPDATE, DELETE ON "{TABLE}" FROM easel_web',
        ),
        migrations.RunSQL(
            [
                GUARD,
                (
                    f'CREATE TRIGGER guard_license BEFORE INSERT OR UPDATE ON "{TABLE}" '
                    f"FOR EACH ROW EXECUTE FUNCTION {TABLE}_guard_license()"
                ),
            ],
            [
                f'DROP TRIGGER guard_license ON "{TABLE}"',
                f"DROP FUNCTION {TABLE}_guard_license()",
            ],
        ),
    ]
