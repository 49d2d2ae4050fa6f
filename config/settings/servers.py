"""Settings made of where the servers are: databases, Redis, the store of files."""

from pathlib import Path
from typing import Any

from redis.backoff import NoBackoff
from redis.retry import Retry

from config import env


def database_settings(url: str, *, pool_size: int | None = None) -> dict[str, Any]:
    """Make Django's `DATABASES["default"]` from a URL, with a pool of `pool_size` if given.

    Requests, sockets and streams run in threads of their own kinds; psycopg's pool is shared by
    all of them.
    """
    settings: dict[str, Any] = env.parse_database_url(url)
    # Pooled connections are looked at by our backend, without a round trip.
    settings["CONN_HEALTH_CHECKS"] = pool_size is None
    # A pooler in transaction mode gives the next statement to another connection.
    settings["DISABLE_SERVER_SIDE_CURSORS"] = True
    if pool_size:
        settings["OPTIONS"]["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 10}
    return settings


def databases(url: str, *, pool_size: int) -> dict[str, dict[str, Any]]:
    """Make Django's `DATABASES`: the writer at `url`, and a reader where one is set."""
    found = {"default": database_settings(url, pool_size=pool_size)}
    if env.READER_DATABASE_URL:
        found["reader"] = reader_settings(env.READER_DATABASE_URL, pool_size=pool_size)
    return found


def reader_settings(url: str, *, pool_size: int | None = None) -> dict[str, Any]:
    """Make the settings of a replica: requests do not wait for it, since the writer can answer."""
    settings = database_settings(url, pool_size=pool_size)
    options: dict[str, Any] = settings["OPTIONS"]
    options.setdefault("connect_timeout", 2)
    options.setdefault("tcp_user_timeout", 5000)
    if pool_size:
        options["pool"]["timeout"] = 1
        # Its connections are made when something is first read from it.
        options["pool"]["min_size"] = 0
    return settings


def cache_settings(url: str) -> dict[str, Any]:
    """Make Django's `CACHES` on Redis at `url`."""
    return {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": url,
            "KEY_PREFIX": "easel",
            "OPTIONS": {
                "SOCKET_CONNECT_TIMEOUT": 2,
                "SOCKET_TIMEOUT": 5,
                # Once more for a connection that was closed meanwhile. By itself the client would
                # wait for seconds, and requests go on without the cache.
                "CONNECTION_POOL_KWARGS": {"retry": Retry(NoBackoff(), 1)},
            },
        }
    }


def channel_layer_settings(url: str) -> dict[str, Any]:
    """Make Channels' `CHANNEL_LAYERS` on Redis at `url`."""
    return {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            # Without it each new connection reads the client's version from disk, on the loop.
            "CONFIG": {"hosts": [{"address": url, "driver_info": None}]},
        }
    }


def file_storage_settings(media_root: Path) -> dict[str, Any]:
    """Make Django's `STORAGES`: user files in S3 when a bucket is set, else under `media_root`."""
    if env.S3_BUCKET:
        user_files: dict[str, Any] = {
            "BACKEND": "apps.core.s3_storage.S3FileStorage",
            "OPTIONS": {
                "bucket_name": env.S3_BUCKET,
                "endpoint_url": env.S3_ENDPOINT_URL,
                "default_acl": None,
                "file_overwrite": True,
                "querystring_auth": True,
                # What lies under a key never changes; CloudFront and browsers go by it.
                "object_parameters": {"CacheControl": "max-age=31536000, immutable"},
            },
        }
    else:
        user_files = {
            "BACKEND": "apps.core.storage.AtomicFileSystemStorage",
            "OPTIONS": {"location": media_root, "allow_overwrite": True},
        }
    return {
        "default": user_files,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
