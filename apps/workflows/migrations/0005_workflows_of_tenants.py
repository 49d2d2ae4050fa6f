from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess, KeepUpdatedAt, TenantReference

WORKFLOW = "workflows_workflow"
VERSION = "workflows_workflowversion"


class Migration(migrations.Migration):
    dependencies = [
        # Its trigger function refuses changes.
        ("core", "0001_audit_record"),
        ("workflows", "0004_workflows"),
    ]

    operations = [
        KeepUpdatedAt(WORKFLOW),
        EnableTenancy(WORKFLOW),
        EnableTenancy(VERSION),
        TenantReference(VERSION, "workflow_id", target=WORKFLOW),
        # What Easel came with is read by everybody, and written by the service role alone.
        *(
            migrations.RunSQL(
                f"CREATE POLICY shared ON {table} FOR SELECT TO easel_ops, easel_web"
                " USING (user_id IS NULL)",
                f"DROP POLICY shared ON {table}",
            )
            for table in (WORKFLOW, VERSION)
        ),
        # Whoever has run a version can look it up as it was.
        migrations.RunSQL(
            f"CREATE TRIGGER stays_as_saved BEFORE UPDATE ON {VERSION}"
            " FOR EACH ROW EXECUTE FUNCTION easel_refuse_change()",
            f"DROP TRIGGER stays_as_saved ON {VERSION}",
        ),
        GrantAccess(WORKFLOW, web="SELECT, INSERT, UPDATE, DELETE"),
        GrantAccess(VERSION, web="SELECT, INSERT, DELETE"),
    ]
