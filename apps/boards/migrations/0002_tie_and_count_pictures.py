from django.db import migrations

from apps.core.operations import (
    EnableTenancy,
    GrantAccess,
    KeepUpdatedAt,
    ServiceTrigger,
    TenantReference,
)

# Its name comes after that of the trigger that counts a user's pictures: all changes of a user
# wait for each other there, so they never meet here in another order.
COUNT = """
DECLARE
    is_shown boolean := NEW.id IS NOT NULL AND NEW.deleted_at IS NULL AND NOT NEW.is_intermediate;
    was_shown boolean := OLD.id IS NOT NULL AND OLD.deleted_at IS NULL AND NOT OLD.is_intermediate;
BEGIN
    IF is_shown AND was_shown AND NEW.board_id IS NOT DISTINCT FROM OLD.board_id THEN
        RETURN NULL;
    END IF;
    IF was_shown AND OLD.board_id IS NOT NULL THEN
        UPDATE boards_board SET image_count = image_count - 1
        WHERE user_id = OLD.user_id AND id = OLD.board_id;
    END IF;
    IF is_shown AND NEW.board_id IS NOT NULL THEN
        UPDATE boards_board SET image_count = image_count + 1
        WHERE user_id = NEW.user_id AND id = NEW.board_id;
    END IF;
    RETURN NULL;
END
"""
# The columns that users may write; the count is the trigger's alone.
WRITABLE = "name, description, cover_name, is_archived, is_auto_add, position, updated_at"


class Migration(migrations.Migration):
    dependencies = [
        ("boards", "0001_initial"),
        ("images", "0008_count_pictures"),
    ]

    operations = [
        KeepUpdatedAt("boards_board"),
        EnableTenancy("boards_board"),
        GrantAccess("boards_board", web="SELECT, INSERT, DELETE", worker="SELECT"),
        migrations.RunSQL(
            f"GRANT UPDATE ({WRITABLE}) ON boards_board TO easel_web",
            f"REVOKE UPDATE ({WRITABLE}) ON boards_board FROM easel_web",
        ),
        TenantReference("images_image", "board_id", target="boards_board"),
        ServiceTrigger(
            "easel_tally_boards",
            table="images_image",
            on="INSERT OR DELETE OR UPDATE OF board_id, deleted_at, is_intermediate",
            body=COUNT,
        ),
    ]
