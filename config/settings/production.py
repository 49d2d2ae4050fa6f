"""Production: everything from the environment, nothing weak by default."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from config import env
from config.settings.base import *  # noqa: F403
from config.settings.base import CONTENT_SECURITY_POLICY
from config.settings.servers import (
    cache_settings,
    channel_layer_settings,
    database_settings,
    databases,
    file_storage_settings,
)


def _required(name: str, value: str | None) -> str:
    if not value:
        raise ImproperlyConfigured(f"Set EASEL_{name}, or EASEL_{name}_FILE to a file that has it.")
    return value


SECRET_KEY = _required("SECRET_KEY", env.SECRET_KEY)
ALLOWED_HOSTS = env.ALLOWED_HOSTS
CSRF_TRUSTED_ORIGINS = env.CSRF_TRUSTED_ORIGINS

_redis_url = _required("REDIS_URL", env.REDIS_URL)
DATABASES = databases(_required("DATABASE_URL", env.DATABASE_URL), pool_size=env.WEB_POOL_SIZE)
# Only the migration command has it.
EASEL_OWNER_DATABASE = database_settings(env.OWNER_DATABASE_URL) if env.OWNER_DATABASE_URL else None
CACHES = cache_settings(_redis_url)
CHANNEL_LAYERS = channel_layer_settings(_redis_url)
CELERY_BROKER_URL = env.BROKER_URL or _redis_url
# On an instance of EC2 it answers; elsewhere a worker asks once, and never again.
EASEL_METADATA_URL = env.METADATA_URL or "http://169.254.169.254"
EASEL_REQUIRE_COMMERCIAL_LICENSE = True
MEDIA_ROOT = env.MEDIA_ROOT or Path("/var/lib/easel/media")
STORAGES: dict[str, Any] = file_storage_settings(MEDIA_ROOT) | {
    "staticfiles": {"BACKEND": "config.static_files.HashedStaticFilesStorage"},
}

if env.OIDC_ISSUER:
    _required("OIDC_CLIENT_ID", env.OIDC_CLIENT_ID)
    if not env.OIDC_ISSUER.startswith("https://"):
        raise ImproperlyConfigured("EASEL_OIDC_ISSUER must begin with https://")
else:
    # Without a provider nobody could confirm an address or set a new password.
    _required("EMAIL_HOST", env.EMAIL_HOST)

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$", r"^api/v1/app/version$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {**CONTENT_SECURITY_POLICY["DIRECTIVES"], "upgrade-insecure-requests": True}
}
SESSION_COOKIE_SECURE = True
LANGUAGE_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
