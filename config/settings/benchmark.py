"""Benchmarks: as the tests, with the database pool of production."""

from config import env
from config.settings.servers import database_settings
from config.settings.test import *  # noqa: F403

DATABASES = {
    "default": database_settings(
        env.DATABASE_URL or "postgresql:///easel", pool_size=env.WEB_POOL_SIZE
    )
}
# As production does: no query is looked at for being one of many.
EASEL_MAX_REPEATED_QUERIES = 0
# The limits are counted as ever, so that their cost is measured, but none is reached.
EASEL_RATE_LIMIT_SCALE = 1e6
