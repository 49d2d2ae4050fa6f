"""Migration operations that more than one app needs."""

from django.db.migrations.operations import RunSQL

_FUNCTION = """
CREATE OR REPLACE FUNCTION easel_touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$
"""


class KeepUpdatedAt(RunSQL):
    """Add the trigger that sets `updated_at` on every UPDATE of `table`.

    In PostgreSQL, not in `save()`, because `QuerySet.update()` and raw SQL change rows too.
    """

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            sql=[
                _FUNCTION,
                (
                    f'CREATE TRIGGER touch_updated_at BEFORE UPDATE ON "{table}" '
                    "FOR EACH ROW EXECUTE FUNCTION easel_touch_updated_at()"
                ),
            ],
            reverse_sql=[f'DROP TRIGGER touch_updated_at ON "{table}"'],
        )

    def deconstruct(self) -> tuple[str, list[str], dict[str, object]]:
        return (self.__class__.__qualname__, [self.table], {})

    def describe(self) -> str:
        return f"Keep updated_at of {self.table}"
