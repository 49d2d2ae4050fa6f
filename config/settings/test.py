"""Tests: real servers started by the test session, everything else as in production."""

import secrets
from pathlib import Path
from typing import Any

from config import env
from config.settings.base import *  # noqa: F403
from config.settings.base import MIDDLEWARE
from config.settings.servers import (
    cache_settings,
    channel_layer_settings,
    database_settings,
    file_storage_settings,
)

SECRET_KEY = env.SECRET_KEY or secrets.token_urlsafe(50)
EASEL_PROVIDER_KEYS_SECRETS = [
    env.PROVIDER_KEYS_SECRET or SECRET_KEY,
    *env.PROVIDER_KEYS_SECRET_FALLBACKS,
]
EASEL_REFUSE_WEAK_SETTINGS = False
EASEL_MAX_REPEATED_QUERIES = 5
# Tests write rows without the services, and without a commit, that end what is kept.
EASEL_LIST_CACHE_SECONDS = 0
MIDDLEWARE = ["apps.core.repeated_queries.RepeatedQueryMiddleware", *MIDDLEWARE]
EASEL_PUBLIC_URL = env.PUBLIC_URL or "https://easel.example"
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
CSRF_TRUSTED_ORIGINS = env.CSRF_TRUSTED_ORIGINS

_redis_url = env.REDIS_URL or "redis://127.0.0.1"
DATABASES = {"default": database_settings(env.DATABASE_URL or "postgresql:///easel")}
EASEL_OWNER_DATABASE = database_settings(env.OWNER_DATABASE_URL or "postgresql:///easel")
CACHES = cache_settings(_redis_url)
CHANNEL_LAYERS = channel_layer_settings(_redis_url)
CELERY_BROKER_URL = env.BROKER_URL or _redis_url
MEDIA_ROOT = env.MEDIA_ROOT or Path("/nonexistent")
STORAGES: dict[str, Any] = file_storage_settings(MEDIA_ROOT)
# A real hash in every test that signs in would be most of the suite's time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Static files as they lie in the source tree, without a collection step.
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
