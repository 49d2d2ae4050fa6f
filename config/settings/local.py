"""One machine, no settings: embedded PostgreSQL and Valkey, files under `var/`."""

import secrets
from typing import Any

from config import env
from config.local import endpoints
from config.settings.base import *  # noqa: F403
from config.settings.base import MIDDLEWARE
from config.settings.servers import (
    cache_settings,
    channel_layer_settings,
    database_settings,
    databases,
    file_storage_settings,
)


def _local_secret_key() -> str:
    """Return the checkout's own key, made on first use: sessions survive a restart."""
    path = env.VAR_DIR / "secret_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text()


DEBUG = True
EASEL_REFUSE_WEAK_SETTINGS = False
EASEL_MAX_REPEATED_QUERIES = 5
MIDDLEWARE = ["apps.core.repeated_queries.RepeatedQueryMiddleware", *MIDDLEWARE]
SECRET_KEY = env.SECRET_KEY or _local_secret_key()
# On one machine the one secret is enough.
EASEL_PROVIDER_KEYS_SECRETS = [
    env.PROVIDER_KEYS_SECRET or SECRET_KEY,
    *env.PROVIDER_KEYS_SECRET_FALLBACKS,
]
ALLOWED_HOSTS = env.ALLOWED_HOSTS or ["127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = env.CSRF_TRUSTED_ORIGINS

_redis_url = env.REDIS_URL or endpoints.redis_url()
DATABASES = databases(
    env.DATABASE_URL or endpoints.database_url(env.DATABASE_LOGIN), pool_size=env.WEB_POOL_SIZE
)
# With a database of somebody else's, its own login has to be the owner unless one is named.
_owner_url = env.OWNER_DATABASE_URL or (
    None if env.DATABASE_URL else endpoints.database_url("owner")
)
EASEL_OWNER_DATABASE = database_settings(_owner_url) if _owner_url else None
# On one machine one process serves pages and admin.
EASEL_SERVE_ADMIN = True
EASEL_METRICS_ON_LOOPBACK = True
CACHES = cache_settings(_redis_url)
CHANNEL_LAYERS = channel_layer_settings(_redis_url)
CELERY_BROKER_URL = env.BROKER_URL or _redis_url
MEDIA_ROOT = env.MEDIA_ROOT or env.VAR_DIR / "media"
STORAGES: dict[str, Any] = file_storage_settings(MEDIA_ROOT)
EASEL_DEMO_SIGN_IN = "demo@easel.local"
if not (env.EMAIL_HOST or env.MAIL_DIRECTORY):
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = EASEL_MAIL_DIRECTORY = env.VAR_DIR / "mail"
