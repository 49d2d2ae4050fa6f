from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess, KeepUpdatedAt, ServiceTrigger
from apps.core.tenancy import SERVICE_ROLE

COUNT = """
BEGIN
    INSERT INTO images_storageuse AS kept (id, user_id, stored_bytes, created_at, updated_at)
    SELECT gen_random_uuid(), changed.user_id, 0, now(), now()
    FROM (SELECT coalesce(NEW.user_id, OLD.user_id) AS user_id) changed
    WHERE TG_OP <> 'DELETE'
    ON CONFLICT (user_id) DO NOTHING;
    UPDATE images_storageuse
    SET stored_bytes = stored_bytes + coalesce(NEW.file_size_bytes, 0)
        - coalesce(OLD.file_size_bytes, 0)
    WHERE user_id = coalesce(NEW.user_id, OLD.user_id);
    RETURN NULL;
END
"""
COUNT_NOW = """
INSERT INTO images_storageuse (id, user_id, stored_bytes, created_at, updated_at)
SELECT gen_random_uuid(), user_id, sum(file_size_bytes), now(), now()
FROM images_image GROUP BY user_id
"""


class Migration(migrations.Migration):
    dependencies = [("images", "0004_storage_use")]

    operations = [
        KeepUpdatedAt("images_storageuse"),
        EnableTenancy("images_storageuse"),
        GrantAccess("images_storageuse", web="SELECT", worker="SELECT"),
        migrations.RunSQL(
            [f"SET LOCAL ROLE {SERVICE_ROLE}", COUNT_NOW, "SET LOCAL ROLE NONE"],
            migrations.RunSQL.noop,
        ),
        ServiceTrigger(
            "easel_count_storage",
            table="images_image",
            on="INSERT OR DELETE OR UPDATE OF file_size_bytes",
            body=COUNT,
        ),
    ]
