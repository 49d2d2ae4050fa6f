from importlib import import_module

from django.db import migrations

from apps.core.operations import ServiceTrigger

former = import_module("apps.boards.migrations.0002_tie_and_count_pictures")
FORMER = ServiceTrigger(
    "easel_tally_boards",
    table="images_image",
    on="INSERT OR DELETE OR UPDATE OF board_id, deleted_at, is_intermediate",
    body=former.COUNT,
)
# Once a statement, as the counts of the user are, and after them: its name comes after theirs.
COUNT_DELETED = """
BEGIN
    UPDATE boards_board SET image_count = image_count - counted.shown
    FROM (
        SELECT user_id, board_id, count(*) AS shown FROM gone
        WHERE board_id IS NOT NULL AND deleted_at IS NULL AND NOT is_intermediate
        GROUP BY user_id, board_id
    ) counted
    WHERE boards_board.user_id = counted.user_id AND boards_board.id = counted.board_id;
    RETURN NULL;
END
"""


class Migration(migrations.Migration):
    dependencies = [
        ("boards", "0004_admit_members_and_links"),
        ("images", "0010_count_deletions_at_once"),
    ]

    operations = [
        migrations.RunSQL(list(FORMER.reverse_sql or ()), list(FORMER.sql)),
        ServiceTrigger(
            "easel_tally_boards",
            table="images_image",
            on="INSERT OR UPDATE OF board_id, deleted_at, is_intermediate",
            body=former.COUNT,
        ),
        ServiceTrigger(
            "easel_tally_deleted",
            table="images_image",
            on="DELETE",
            body=COUNT_DELETED,
            old_rows="gone",
        ),
    ]
