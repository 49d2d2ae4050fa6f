from django.db import migrations

from apps.core.operations import (
    TENANT,
    EnableTenancy,
    GrantAccess,
    KeepUpdatedAt,
    ServiceFunction,
    TenantReference,
)

# The plans with collaboration are named here, since what admits must not ask the application. A
# test compares them with the table of plans.
MEMBERSHIPS = f"""
easel_memberships() RETURNS TABLE (
    board_id uuid, owner_id uuid, owner_name text, role text, shows_prompts boolean
)
LANGUAGE sql STABLE AS $$
    SELECT board.id, owner.id,
        coalesce(nullif(owner.name, ''), upper(left(owner.email, 1)) || '…'),
        member.role, board.shows_prompts
    FROM accounts_user me
    JOIN boards_boardmember member ON member.email = lower(me.email)
    JOIN boards_board board ON board.user_id = member.user_id AND board.id = member.board_id
    JOIN accounts_user owner ON owner.id = member.user_id
    WHERE me.id = {TENANT} AND me.is_active AND me.email_verified
        AND owner.is_active AND owner.id <> me.id
        AND EXISTS (
            SELECT FROM plans_subscription subscription
            WHERE subscription.user_id = owner.id
                AND subscription.plan IN ('enterprise')
                AND subscription.pause_reason = ''
                AND subscription.valid_from <= statement_timestamp()
                AND (subscription.valid_until IS NULL OR subscription.valid_until > statement_timestamp())
        )
$$
"""  # noqa: S608  # nosec B608 (constants)
# Policies that queried each other's tables would recurse: they ask this function instead.
SHARED_BOARDS = """
easel_shared_boards() RETURNS uuid[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT board_id FROM easel_memberships()
        UNION ALL
        SELECT link.board_id
        FROM boards_boardlink link
        JOIN accounts_user owner ON owner.id = link.user_id AND owner.is_active
        WHERE link.withdrawn_at IS NULL AND link.digest = encode(sha256(convert_to(
            nullif(current_setting('app.share_token', true), ''), 'UTF8')), 'hex')
    )
$$
"""
# All that an editor can change. The role is looked at under the lock of `lock_library`, which the
# owner takes to change it.
MOVE_SHARED_IMAGES = """
easel_move_shared_images(source uuid, target uuid, names uuid[]) RETURNS SETOF uuid
LANGUAGE plpgsql AS $$
DECLARE
    owner uuid := (SELECT owner_id FROM easel_memberships() WHERE board_id = source);
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('library:' || owner, 0));
    RETURN QUERY
        UPDATE images_image SET board_id = target
        WHERE user_id = owner AND board_id = source AND image_name = ANY (names)
            AND deleted_at IS NULL AND NOT is_intermediate
            AND EXISTS (
                SELECT FROM easel_memberships() membership
                WHERE membership.board_id = source AND membership.role = 'editor'
            )
            AND (target IS NULL OR EXISTS (
                SELECT FROM easel_memberships() membership
                WHERE membership.board_id = target AND membership.role = 'editor'
                    AND membership.owner_id = owner
            ))
        RETURNING image_name;
END
$$
"""
# Also where the owner's plan no longer admits the member.
LEAVE_BOARD = f"""
easel_leave_board(board uuid) RETURNS uuid
LANGUAGE sql AS $$
    DELETE FROM boards_boardmember
    WHERE board_id = board AND email = (
        SELECT lower(me.email) FROM accounts_user me
        WHERE me.id = {TENANT} AND me.is_active AND me.email_verified
    )
    RETURNING user_id
$$
"""  # noqa: S608  # nosec B608 (constants)
# What opens hostile files is not admitted to the pictures of others.
READERS = "easel_web, easel_ops"
# An equality would be taken for rare, and lists of own pictures planned as if there were few of
# them. Of a coalesce PostgreSQL expects nothing in particular.
SHARED = "coalesce({} = ANY ((SELECT easel_shared_boards())::uuid[]), false)"
# Apart from the other, so that an index of what is not in the trash answers it by itself and
# lists stay within that index.
SHOWN = f"user_id = {TENANT} OR (deleted_at IS NULL AND NOT is_intermediate)"


def _grant_update(table: str, columns: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"GRANT UPDATE ({columns}) ON {table} TO easel_web",
        f"REVOKE UPDATE ({columns}) ON {table} FROM easel_web",
    )


def _policy(name: str, table: str, condition: str, *, kind: str = "PERMISSIVE") -> str:
    return f"CREATE POLICY {name} ON {table} AS {kind} FOR SELECT TO {READERS} USING ({condition})"


def _tenancy(table: str, *, writable: str) -> list[migrations.RunSQL]:
    return [
        KeepUpdatedAt(table),
        EnableTenancy(table),
        GrantAccess(table, web="SELECT, INSERT, DELETE"),
        _grant_update(table, writable),
        TenantReference(table, "board_id", target="boards_board"),
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("boards", "0003_members_and_links"),
        ("plans", "0009_stopped_by_staff"),
    ]

    operations = [
        *_tenancy("boards_boardmember", writable="role, updated_at"),
        *_tenancy("boards_boardlink", writable="withdrawn_at, updated_at"),
        _grant_update("boards_board", "shows_prompts"),
        ServiceFunction("easel_memberships()", definition=MEMBERSHIPS, callers=["web", "ops"]),
        ServiceFunction("easel_shared_boards()", definition=SHARED_BOARDS, callers=["web", "ops"]),
        ServiceFunction(
            "easel_move_shared_images(uuid, uuid, uuid[])",
            definition=MOVE_SHARED_IMAGES,
            callers=["web", "ops"],
        ),
        ServiceFunction("easel_leave_board(uuid)", definition=LEAVE_BOARD, callers=["web", "ops"]),
        migrations.RunSQL(
            [
                _policy("shared", "boards_board", SHARED.format("id")),
                _policy("shared", "images_image", SHARED.format("board_id")),
                _policy("shared_shown", "images_image", SHOWN, kind="RESTRICTIVE"),
            ],
            [
                "DROP POLICY shared_shown ON images_image",
                "DROP POLICY shared ON images_image",
                "DROP POLICY shared ON boards_board",
            ],
        ),
    ]
