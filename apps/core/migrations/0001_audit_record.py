import uuid

from django.db import migrations, models

from apps.core.operations import AppendOnly, EnableTenancy, GrantAccess


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AuditRecord",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("user_id", models.UUIDField(null=True)),
                ("actor_id", models.UUIDField(null=True)),
                (
                    "act",
                    models.CharField(
                        choices=[
                            ("signed_up", "signed up"),
                            ("signed_in", "signed in"),
                            ("sign_in_failed", "sign-in failed"),
                            ("signed_out", "signed out"),
                            ("password_changed", "password changed"),
                            ("key_created", "API key made"),
                            ("key_revoked", "API key revoked"),
                            ("role_changed", "role changed"),
                            ("service_scope", "data of all users opened by staff"),
                            ("admin_change", "changed by staff"),
                            ("image_deleted", "picture deleted"),
                            ("export_requested", "export of all data asked for"),
                            ("data_exported", "data exported"),
                            ("deletion_requested", "deletion of the account asked for"),
                            ("account_deleted", "account deleted"),
                        ],
                        max_length=32,
                    ),
                ),
                ("target", models.CharField(blank=True, max_length=200)),
                ("address", models.GenericIPAddressField(null=True)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["user_id", "-created_at", "-id"], name="core_audit_user_newest"
                    ),
                    models.Index(fields=["-created_at", "-id"], name="core_audit_newest"),
                ],
            },
        ),
        AppendOnly("core_auditrecord"),
        EnableTenancy("core_auditrecord"),
        GrantAccess("core_auditrecord", web="SELECT, INSERT"),
    ]
