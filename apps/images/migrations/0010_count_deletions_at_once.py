from importlib import import_module

from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess, KeepUpdatedAt, ServiceTrigger

former = import_module("apps.images.migrations.0008_count_pictures")
FORMER = ServiceTrigger(
    "easel_count_pictures",
    table="images_image",
    on="INSERT OR DELETE OR UPDATE OF file_size_bytes, board_id, deleted_at, is_intermediate",
    body=former.COUNT,
)
# Once a statement: to count down one row for each picture of a trash of thousands would take time
# that grows with its square, since every change leaves a version behind that the next looks at.
COUNT_DELETED = """
BEGIN
    UPDATE images_storageuse SET
        stored_bytes = stored_bytes - counted.bytes,
        image_count = image_count - counted.shown,
        loose_count = loose_count - counted.loose,
        trash_count = trash_count - counted.thrown
    FROM (
        SELECT user_id, sum(file_size_bytes) AS bytes,
            count(*) FILTER (WHERE deleted_at IS NULL AND NOT is_intermediate) AS shown,
            count(*) FILTER (
                WHERE deleted_at IS NULL AND NOT is_intermediate AND board_id IS NULL
            ) AS loose,
            count(*) FILTER (WHERE deleted_at IS NOT NULL) AS thrown
        FROM gone GROUP BY user_id
    ) counted
    WHERE images_storageuse.user_id = counted.user_id;
    UPDATE images_hourcount SET image_count = image_count - counted.shown
    FROM (
        SELECT user_id, date_trunc('hour', created_at) AS hour, count(*) AS shown
        FROM gone WHERE deleted_at IS NULL AND NOT is_intermediate
        GROUP BY user_id, date_trunc('hour', created_at)
    ) counted
    WHERE images_hourcount.user_id = counted.user_id AND images_hourcount.hour = counted.hour;
    INSERT INTO images_purge (id, user_id, image_name, created_at, updated_at)
    SELECT gen_random_uuid(), user_id, image_name, now(), now() FROM gone;
    RETURN NULL;
END
"""


class Migration(migrations.Migration):
    dependencies = [("images", "0009_purges")]

    operations = [
        KeepUpdatedAt("images_purge"),
        EnableTenancy("images_purge"),
        GrantAccess("images_purge", web="SELECT"),
        migrations.RunSQL(list(FORMER.reverse_sql or ()), list(FORMER.sql)),
        ServiceTrigger(
            "easel_count_pictures",
            table="images_image",
            on="INSERT OR UPDATE OF file_size_bytes, board_id, deleted_at, is_intermediate",
            body=former.COUNT,
        ),
        ServiceTrigger(
            "easel_count_deleted",
            table="images_image",
            on="DELETE",
            body=COUNT_DELETED,
            old_rows="gone",
        ),
    ]
