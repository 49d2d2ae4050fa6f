from importlib import import_module

from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess, KeepUpdatedAt, ServiceTrigger
from apps.core.tenancy import SERVICE_ROLE

former = import_module("apps.images.migrations.0005_count_storage")
FORMER = ServiceTrigger(
    "easel_count_storage",
    table="images_image",
    on="INSERT OR DELETE OR UPDATE OF file_size_bytes",
    body=former.COUNT,
)
# The row of the user's storage is the first that every change takes, so that two changes of one
# user wait for each other there and nowhere else.
COUNT = """
DECLARE
    owner uuid := coalesce(NEW.user_id, OLD.user_id);
    is_shown integer := (NEW.id IS NOT NULL AND NEW.deleted_at IS NULL
        AND NOT NEW.is_intermediate)::integer;
    was_shown integer := (OLD.id IS NOT NULL AND OLD.deleted_at IS NULL
        AND NOT OLD.is_intermediate)::integer;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO images_storageuse AS kept (id, user_id, stored_bytes, image_count, loose_count,
            trash_count, created_at, updated_at)
        VALUES (gen_random_uuid(), owner, 0, 0, 0, 0, now(), now())
        ON CONFLICT (user_id) DO NOTHING;
    END IF;
    UPDATE images_storageuse SET
        stored_bytes = stored_bytes + coalesce(NEW.file_size_bytes, 0)
            - coalesce(OLD.file_size_bytes, 0),
        image_count = image_count + is_shown - was_shown,
        loose_count = loose_count + is_shown * (NEW.board_id IS NULL)::integer
            - was_shown * (OLD.board_id IS NULL)::integer,
        trash_count = trash_count
            + (NEW.id IS NOT NULL AND NEW.deleted_at IS NOT NULL)::integer
            - (OLD.id IS NOT NULL AND OLD.deleted_at IS NOT NULL)::integer
    WHERE user_id = owner;
    IF is_shown > was_shown THEN
        INSERT INTO images_hourcount AS kept (id, user_id, hour, image_count, created_at,
            updated_at)
        VALUES (gen_random_uuid(), owner, date_trunc('hour', NEW.created_at), 1, now(), now())
        ON CONFLICT (user_id, hour) DO UPDATE SET image_count = kept.image_count + 1;
    ELSIF is_shown < was_shown THEN
        UPDATE images_hourcount SET image_count = image_count - 1
        WHERE user_id = owner AND hour = date_trunc('hour', OLD.created_at);
    END IF;
    RETURN NULL;
END
"""
COUNT_NOW = """
UPDATE images_storageuse SET image_count = counted.shown, loose_count = counted.shown
FROM (
    SELECT user_id, count(*) AS shown FROM images_image WHERE NOT is_intermediate GROUP BY user_id
) counted
WHERE images_storageuse.user_id = counted.user_id
"""
HOURS_NOW = """
INSERT INTO images_hourcount (id, user_id, hour, image_count, created_at, updated_at)
SELECT gen_random_uuid(), user_id, date_trunc('hour', created_at), count(*), now(), now()
FROM images_image WHERE NOT is_intermediate GROUP BY user_id, date_trunc('hour', created_at)
"""


class Migration(migrations.Migration):
    dependencies = [("images", "0007_search")]

    operations = [
        KeepUpdatedAt("images_hourcount"),
        EnableTenancy("images_hourcount"),
        GrantAccess("images_hourcount", web="SELECT"),
        migrations.RunSQL(
            [
                f"SET LOCAL ROLE {SERVICE_ROLE}",
                COUNT_NOW,
                HOURS_NOW,
                "SET LOCAL ROLE NONE",
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(list(FORMER.reverse_sql or ()), list(FORMER.sql)),
        ServiceTrigger(
            "easel_count_pictures",
            table="images_image",
            on="INSERT OR DELETE"
            " OR UPDATE OF file_size_bytes, board_id, deleted_at, is_intermediate",
            body=COUNT,
        ),
    ]
