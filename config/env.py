"""Read the environment: the only module that does.

Every setting is `EASEL_<NAME>`; a secret may instead be the path of a file in
`EASEL_<NAME>_FILE`. What is not set is `None` or the default named here, and the settings
modules decide whether they can do without it.
"""

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from environs import FileAwareEnv, validate

ROOT = Path(__file__).resolve().parent.parent

# Editors end files with a newline, which belongs to no secret.
_env = FileAwareEnv(strip_whitespace=True)

# What botocore reads too: the authorities of an endpoint that is not Amazon's.
AWS_CA_BUNDLE: str | None = _env.str("AWS_CA_BUNDLE", None)

with _env.prefixed("EASEL_"):
    SECRET_KEY: str | None = _env.str("SECRET_KEY", None)
    # Former keys: what they signed stays good until they are taken out.
    SECRET_KEY_FALLBACKS: list[str] = _env.str("SECRET_KEY_FALLBACKS", "").replace(",", " ").split()
    ALLOWED_HOSTS: list[str] = _env.list("ALLOWED_HOSTS", [])
    CSRF_TRUSTED_ORIGINS: list[str] = _env.list("CSRF_TRUSTED_ORIGINS", [])
    DATABASE_URL: str | None = _env.str("DATABASE_URL", None)
    OWNER_DATABASE_URL: str | None = _env.str("OWNER_DATABASE_URL", None)
    # Of the login that reads everything: backups alone.
    BACKUP_DATABASE_URL: str | None = _env.str("BACKUP_DATABASE_URL", None)
    # A replica that lists and searches may read from, and how late it may be.
    READER_DATABASE_URL: str | None = _env.str("READER_DATABASE_URL", None)
    READER_MAX_LAG_SECONDS: float = _env.float("READER_MAX_LAG_SECONDS", 5.0)
    DATABASE_LOGIN: str = _env.str("DATABASE_LOGIN", "ops")
    REDIS_URL: str | None = _env.str("REDIS_URL", None)
    BROKER_URL: str | None = _env.str("BROKER_URL", None)
    # With EASEL_BROKER_URL=sqs://: what the URLs of the queues begin with, up to their names.
    SQS_QUEUE_URL_PREFIX: str | None = _env.str("SQS_QUEUE_URL_PREFIX", None)
    SQS_REGION: str | None = _env.str("SQS_REGION", None)
    SQS_ENDPOINT_URL: str | None = _env.str("SQS_ENDPOINT_URL", None)
    VAR_DIR: Path = _env.path("VAR_DIR", ROOT / "var")
    MEDIA_ROOT: Path | None = _env.path("MEDIA_ROOT", None)
    MODELS_ROOT: Path = _env.path("MODELS_ROOT", ROOT / "gpu_tasks")
    MODELS_MEMORY_MAP: bool = _env.bool("MODELS_MEMORY_MAP", True)
    S3_BUCKET: str | None = _env.str("S3_BUCKET", None)
    S3_ENDPOINT_URL: str | None = _env.str("S3_ENDPOINT_URL", None)
    # Of a key group of CloudFront, which then serves the pictures; without both the app does.
    CDN_KEY_PAIR_ID: str = _env.str("CDN_KEY_PAIR_ID", "").strip()
    CDN_PRIVATE_KEY: str = _env.str("CDN_PRIVATE_KEY", "")
    # Where findings about our safety are to be told: mailto:… or https://….
    SECURITY_CONTACT: str | None = _env.str("SECURITY_CONTACT", None)
    LOG_LEVEL: str = _env.str("LOG_LEVEL", "INFO")
    LOG_FORMAT: str = _env.str("LOG_FORMAT", "json")
    LEASE_SECONDS: float = _env.float("LEASE_SECONDS", 30.0)
    SWEEP_SECONDS: float = _env.float("SWEEP_SECONDS", 5.0)
    # How long a worker that is asked to stop may go on with its job.
    SHUTDOWN_GRACE_SECONDS: float = _env.float("SHUTDOWN_GRACE_SECONDS", 25.0)
    # An idle worker that could not ask the broker for so long ends, to be started anew.
    RECEIVE_SILENCE_SECONDS: float = _env.float("RECEIVE_SILENCE_SECONDS", 300.0)
    # The tier's queue that the worker image listens to.
    WORKER_QUEUE: str = _env.str("WORKER_QUEUE", "easel-gpu-basic.fifo")
    # A file that a worker marks at each sign of life, for the health check of its container.
    HEARTBEAT_PATH: Path | None = _env.path("HEARTBEAT_PATH", None)
    # A worker that has grown beyond it ends after its job; 0 is no limit.
    WORKER_MAX_RSS_BYTES: int = _env.int("WORKER_MAX_RSS_BYTES", 0)
    # Instance metadata, asked for notices of a spot interruption; nobody is asked without it.
    METADATA_URL: str | None = _env.str("METADATA_URL", None)
    # Jobs that are alike share a forward pass: auto (where it was measured to pay), off, force.
    BATCHING: str = _env.str("BATCHING", "auto", validate=validate.OneOf(["auto", "off", "force"]))
    # The model of the job that is due next is loaded while another is made.
    PRELOAD: bool = _env.bool("PRELOAD", True)
    MODEL_CACHE_BYTES: int = _env.int("MODEL_CACHE_BYTES", 8 * 1024**3)
    # Where workers keep copies of models from the file store, and how much of them.
    MODEL_FILES_CACHE: Path | None = _env.path("MODEL_FILES_CACHE", None)
    MODEL_FILES_CACHE_BYTES: int = _env.int("MODEL_FILES_CACHE_BYTES", 200 * 1024**3)
    # The key of the model that looks at finished pictures; nobody looks without one.
    SAFETY_CHECKER: str = _env.str("SAFETY_CHECKER", "")
    # A file of phrases that no prompt may hold, one a line.
    BLOCKED_PHRASES: Path | None = _env.path("BLOCKED_PHRASES", None)
    # Where installs are put together before they are stored.
    INSTALL_DIRECTORY: Path | None = _env.path("INSTALL_DIRECTORY", None)
    INSTALL_MAX_BYTES: int = _env.int("INSTALL_MAX_BYTES", 60 * 1024**3)
    INSTALL_MAX_SECONDS: float = _env.float("INSTALL_MAX_SECONDS", 6 * 3600.0)
    OWN_MODELS_MAX: int = _env.int("OWN_MODELS_MAX", 50)
    # Of one user: a training has a worker to itself.
    OPEN_TRAININGS_MAX: int = _env.int("OPEN_TRAININGS_MAX", 2)
    # Buckets that administrators may install from, and the model hub with the token for it.
    INSTALL_S3_BUCKETS: list[str] = _env.list("INSTALL_S3_BUCKETS", [])
    HUB_URL: str = _env.str("HUB_URL", "https://huggingface.co")
    HUB_TOKEN: str | None = _env.str("HUB_TOKEN", None)
    # More threads than a few hinder each other: one at a time runs Python.
    WEB_THREADS: int = _env.int("WEB_THREADS", 8)
    WEB_POOL_SIZE: int = _env.int("WEB_POOL_SIZE", 16)
    # How long a page of a list is kept in the cache while nothing changes; 0 keeps none.
    LIST_CACHE_SECONDS: int = _env.int("LIST_CACHE_SECONDS", 60)
    SERVE_ADMIN: bool = _env.bool("SERVE_ADMIN", False)
    # How many of our own proxies append to X-Forwarded-For.
    TRUSTED_PROXIES: int = _env.int("TRUSTED_PROXIES", 0)
    # Nobody else is on the network between us and Redis, so it needs no TLS.
    REDIS_IS_PRIVATE: bool = _env.bool("REDIS_IS_PRIVATE", False)
    # The pictures of one archive come to no more; the scheduler's temporary folder needs the room.
    ARCHIVE_MAX_BYTES: int = _env.int("ARCHIVE_MAX_BYTES", 20 * 1024**3)
    RATE_LIMIT_SCALE: float = _env.float("RATE_LIMIT_SCALE", 1.0)
    # What a scraper of /metrics shows as its bearer token.
    METRICS_TOKEN: str | None = _env.str("METRICS_TOKEN", None)
    # Queries that take longer are logged, counted and reported.
    SLOW_QUERY_SECONDS: float = _env.float("SLOW_QUERY_SECONDS", 1.0)
    CLOUDWATCH_METRICS: bool = _env.bool("CLOUDWATCH_METRICS", False)
    # The collector that traces are sent to (OTLP over HTTP), and how many of them are recorded.
    OTLP_ENDPOINT: str | None = _env.str("OTLP_ENDPOINT", None)
    TRACE_SAMPLE_RATIO: float = _env.float(
        "TRACE_SAMPLE_RATIO", 0.05, validate=validate.Range(min=0, max=1)
    )
    SENTRY_DSN: str | None = _env.str("SENTRY_DSN", None)
    # The port of `make up`, and what others reach the pages by: links in mails begin with it.
    PORT: int = _env.int("PORT", 8000)
    PUBLIC_URL: str | None = _env.str("PUBLIC_URL", None)
    DEMO_PASSWORD: str | None = _env.str("DEMO_PASSWORD", None)

    # Other people's image services. By the house's keys, where it has any; the others by keys of
    # users alone, which are kept encrypted under the secret, or not at all without one.
    OPENAI_API_KEY: str | None = _env.str("OPENAI_API_KEY", None)
    OPENAI_URL: str = _env.str("OPENAI_URL", "https://api.openai.com/v1")
    STABILITY_API_KEY: str | None = _env.str("STABILITY_API_KEY", None)
    STABILITY_URL: str = _env.str("STABILITY_URL", "https://api.stability.ai")
    # Which the workers have keys of, for processes that have none themselves.
    HOUSE_PROVIDERS: list[str] | None = _env.list("HOUSE_PROVIDERS", None, subcast=str.strip)
    PROVIDER_KEYS_SECRET: str | None = _env.str("PROVIDER_KEYS_SECRET", None)
    PROVIDER_KEYS_SECRET_FALLBACKS: list[str] = (
        _env.str("PROVIDER_KEYS_SECRET_FALLBACKS", "").replace(",", " ").split()
    )
    # Without a byte of an answer for so long, a call has failed.
    PROVIDER_TIMEOUT_SECONDS: float = _env.float("PROVIDER_TIMEOUT_SECONDS", 180.0)
    # Calls that a worker has under way beside its GPU; with none it leaves them to others.
    PROVIDER_CALLS: int = _env.int("PROVIDER_CALLS", 6, validate=validate.Range(min=0))

    # Mail, sent by SMTP (SES has that interface too), or written to a directory.
    MAIL_DIRECTORY: Path | None = _env.path("MAIL_DIRECTORY", None)
    EMAIL_HOST: str | None = _env.str("EMAIL_HOST", None)
    EMAIL_PORT: int = _env.int("EMAIL_PORT", 587)
    EMAIL_USER: str = _env.str("EMAIL_USER", "")
    EMAIL_PASSWORD: str = _env.str("EMAIL_PASSWORD", "")
    EMAIL_USE_TLS: bool = _env.bool("EMAIL_USE_TLS", True)
    EMAIL_FROM: str = _env.str("EMAIL_FROM", "Easel <no-reply@localhost>")

    # Payments. Without a key they are off.
    STRIPE_SECRET_KEY: str | None = _env.str("STRIPE_SECRET_KEY", None)
    STRIPE_WEBHOOK_SECRET: str | None = _env.str("STRIPE_WEBHOOK_SECRET", None)
    # Of a stand-in of Stripe, to try things out.
    STRIPE_API_URL: str | None = _env.str("STRIPE_API_URL", None)
    STRIPE_TIMEOUT_SECONDS: float = _env.float("STRIPE_TIMEOUT_SECONDS", 10.0)

    # Sign-in at a provider. With an issuer it takes the place of our own passwords; its
    # addresses come from its discovery document unless they are set here.
    OIDC_ISSUER: str | None = _env.str("OIDC_ISSUER", None)
    OIDC_CLIENT_ID: str = _env.str("OIDC_CLIENT_ID", "")
    OIDC_CLIENT_SECRET: str = _env.str("OIDC_CLIENT_SECRET", "")
    OIDC_SCOPES: str = _env.str("OIDC_SCOPES", "openid email profile")
    OIDC_SIGN_ALGORITHM: str = _env.str("OIDC_SIGN_ALGORITHM", "RS256")
    OIDC_STAFF_GROUP: str | None = _env.str("OIDC_STAFF_GROUP", None)
    OIDC_GROUPS_CLAIM: str = _env.str("OIDC_GROUPS_CLAIM", "cognito:groups")
    OIDC_TIMEOUT_SECONDS: float = _env.float("OIDC_TIMEOUT_SECONDS", 5.0)
    OIDC_AUTHORIZATION_ENDPOINT: str | None = _env.str("OIDC_AUTHORIZATION_ENDPOINT", None)
    OIDC_TOKEN_ENDPOINT: str | None = _env.str("OIDC_TOKEN_ENDPOINT", None)
    OIDC_USERINFO_ENDPOINT: str | None = _env.str("OIDC_USERINFO_ENDPOINT", None)
    OIDC_JWKS_URI: str | None = _env.str("OIDC_JWKS_URI", None)
    OIDC_END_SESSION_ENDPOINT: str | None = _env.str("OIDC_END_SESSION_ENDPOINT", None)


def parse_database_url(url: str) -> dict[str, object]:
    """Turn a `postgresql://user:password@host:port/name?host=/socket/dir` URL into Django's dict.

    Raises:
        ValueError: the scheme is not PostgreSQL's, or no database is named.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError("EASEL_DATABASE_URL must start with postgresql://")
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ValueError("EASEL_DATABASE_URL names no database")
    options = dict(parse_qsl(parts.query))
    socket_directory = options.pop("host", "")
    port = options.pop("port", parts.port or "")
    return {
        "ENGINE": "apps.core.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or options.pop("user", "")),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or socket_directory,
        "PORT": str(port),
        "OPTIONS": dict(options),
    }
