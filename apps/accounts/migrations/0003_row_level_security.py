from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess, GuardColumns, ServiceFunction

USER_ID_OF_EMAIL = """
easel_user_id_of_email(address text) RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT id FROM accounts_user WHERE upper(email) = upper(address)
$$
"""

USER_ID_OF_SUBJECT = """
easel_user_id_of_subject(subject text) RETURNS uuid
LANGUAGE sql STABLE AS $$
    SELECT id FROM accounts_user WHERE oidc_subject = subject
$$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_keep_updated_at"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        EnableTenancy("accounts_user", column="id"),
        GrantAccess("accounts_user", web="SELECT, INSERT, UPDATE"),
        GuardColumns("accounts_user", ["is_staff", "is_superuser"]),
        EnableTenancy("accounts_user_groups"),
        GrantAccess("accounts_user_groups"),
        EnableTenancy("accounts_user_user_permissions"),
        GrantAccess("accounts_user_user_permissions"),
        EnableTenancy("django_admin_log"),
        GrantAccess("django_admin_log"),
        ServiceFunction(
            "easel_user_id_of_email(text)", definition=USER_ID_OF_EMAIL, callers=["web"]
        ),
        ServiceFunction(
            "easel_user_id_of_subject(text)", definition=USER_ID_OF_SUBJECT, callers=["web"]
        ),
        # No rows of tenants: see SHARED_TABLES of the test of tables.
        GrantAccess("django_session", web="SELECT, INSERT, UPDATE, DELETE"),
        GrantAccess("auth_group"),
        GrantAccess("auth_group_permissions"),
        GrantAccess("auth_permission"),
        GrantAccess("django_content_type"),
        GrantAccess("django_migrations"),
    ]
