from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess, KeepUpdatedAt


class Migration(migrations.Migration):
    dependencies = [("workflows", "0002_default_presets")]

    operations = [
        KeepUpdatedAt("workflows_stylepreset"),
        KeepUpdatedAt("workflows_wildcard"),
        EnableTenancy("workflows_stylepreset"),
        EnableTenancy("workflows_wildcard"),
        # What administrators made is read by everybody, and written by the service role alone.
        migrations.RunSQL(
            "CREATE POLICY shared ON workflows_stylepreset FOR SELECT TO easel_ops, easel_web"
            " USING (user_id IS NULL)",
            "DROP POLICY shared ON workflows_stylepreset",
        ),
        GrantAccess("workflows_stylepreset", web="SELECT, INSERT, UPDATE, DELETE"),
        GrantAccess("workflows_wildcard", web="SELECT, INSERT, UPDATE, DELETE"),
    ]
